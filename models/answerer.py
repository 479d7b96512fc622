"""A language model that answers Yes/No questions on graphs, many at a time."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from peft import PeftModel
from peft.helpers import disable_input_dtype_casting
from torch import Tensor, nn
from transformers import DynamicCache

from models.packing import PackedBatch, branches, pack, premises, visible_to
from models.prompts import PromptFormat


@dataclass
class Reading:
    """What one pass says of a packed batch of B rows, K questions and T columns.

    log_yes, log_no: float32 [B, K], log p(answer token | prompt), softmax over the full vocabulary;
        their difference is the margin. 0 where nothing is asked.
    logits: [B, T, V] at every column, or None unless the whole sequence was asked for.
    """

    log_yes: Tensor
    log_no: Tensor
    logits: Tensor | None = None


class Answerer(nn.Module):
    """Causal language model + prompt format → log-probabilities of Yes and No.

    language_model: a transformers causal LM, plain or wrapped by peft.
    """

    def __init__(self, language_model: nn.Module, prompt_format: PromptFormat):
        super().__init__()
        self.language_model = language_model
        self.prompt_format = prompt_format
        self.config = language_model.config  # the Trainer reads it

    @property
    def device(self) -> torch.device:
        return next(self.language_model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the base model's embeddings."""
        return self._causal_model.get_input_embeddings().weight.dtype

    @property
    def context_length(self) -> int:
        """Longest prompt the model can read, in tokens."""
        return self._text_config.max_position_embeddings

    @property
    def _text_config(self):
        return self.language_model.config.get_text_config(decoder=True)

    @property
    def _causal_model(self) -> nn.Module:
        peft_base = getattr(self.language_model, "get_base_model", None)
        return peft_base() if peft_base else self.language_model

    def freeze(self) -> "Answerer":
        """For scoring only: no gradients, and the adapters (trained in fp32) in the base model's precision."""
        dtype = self.dtype
        self.requires_grad_(False)
        for name, parameter in self.named_parameters():
            if "lora_" in name:
                parameter.data = parameter.data.to(dtype)
        return self.eval()

    def forward(self, batch: PackedBatch, whole_sequence: bool = False) -> Reading:
        """Read a batch. Only the answer columns go through the vocabulary head unless ``whole_sequence``."""
        rows, slots = batch.asked.nonzero(as_tuple=True)
        with self._adapters_compute_in_base_precision():
            if batch.asked.shape[1] > 1 and not whole_sequence:
                at_answers = self._read_branches(batch, rows, slots)
            else:
                hidden = self._read_tree(batch)
                # Two dimensions: a [B, 1, H] product would copy the head's weight B times in the backward pass.
                at_answers = hidden[rows, batch.answers[rows, slots]]
        if whole_sequence:
            logits = self._head(hidden.flatten(0, 1)).view(*hidden.shape[:2], -1)
            answer_logits = logits[rows, batch.answers[rows, slots]]
        else:
            logits, answer_logits = None, self._head(at_answers)
        log_p = self._with_exact_answers(answer_logits.float(), at_answers).log_softmax(-1)
        log_yes, log_no = (
            log_p.new_zeros(batch.asked.shape).index_put((rows, slots), log_p[:, token])
            for token in (self.prompt_format.yes, self.prompt_format.no)
        )
        return Reading(log_yes, log_no, logits)

    def _with_exact_answers(self, logits: Tensor, hidden: Tensor) -> Tensor:
        """Logits with those of Yes and No computed in fp32.

        A bf16 logit near 20 is a multiple of 1/8: margins would take a few dozen values, and tie at 0.
        """
        tokens = torch.tensor([self.prompt_format.yes, self.prompt_format.no], device=logits.device)
        head = self._causal_model.get_output_embeddings()
        exact = hidden.float() @ head.weight[tokens].float().T
        if getattr(head, "bias", None) is not None:
            exact = exact + head.bias[tokens].float()
        return logits.index_copy(1, tokens, self._capped(exact))

    def _head(self, hidden: Tensor) -> Tensor:
        return self._capped(self._causal_model.get_output_embeddings()(hidden))

    def _capped(self, logits: Tensor) -> Tensor:
        cap = getattr(self._text_config, "final_logit_softcapping", None)
        return cap * torch.tanh(logits / cap) if cap else logits

    @contextmanager
    def _adapters_compute_in_base_precision(self):
        """Adapters are trained in fp32, since bf16 would round small updates away, but need not compute in it.

        Without this, their products in fp32 take a third of a training step on a CPU that computes in bf16.
        """
        half = self.dtype in (torch.bfloat16, torch.float16)
        if not (half and self.training and isinstance(self.language_model, PeftModel)):
            yield
            return
        # peft would copy every layer's input to fp32 first, only for autocast to turn it back
        with torch.autocast(self.device.type, self.dtype), disable_input_dtype_casting(self.language_model):
            yield

    def _read_tree(self, batch: PackedBatch) -> Tensor:
        """[B, T, H] last hidden states of the columns after the common prefix, in one pass."""
        cache = self._read_prefix(batch)
        masks = self._attention_masks(batch.visible)
        return self._decode(batch.tokens, batch.positions, masks, cache)

    def _read_branches(self, batch: PackedBatch, rows: Tensor, slots: Tensor) -> Tensor:
        """[N, H] last hidden states where the N questions ``slots`` of ``rows`` end: premises first, then branches."""
        cache = self._read_prefix(batch) or DynamicCache()
        prefix = torch.arange(len(batch.prefix), device=self.device).expand(len(batch.tokens), -1)
        trunk, asked = premises(batch), branches(batch, rows, slots)
        before = prefix, torch.ones_like(prefix, dtype=torch.bool)
        if trunk.tokens.shape[1]:  # a single graph is all common prefix
            masks = self._attention_masks(lambda window=None: visible_to(trunk, *before, window))
            self._decode(trunk.tokens, trunk.positions, masks, cache)
        cache.batch_select_indices(rows)
        before = [torch.cat(parts, 1)[rows] for parts in zip(before, (trunk.positions, trunk.valid), strict=True)]
        masks = self._attention_masks(lambda window=None: visible_to(asked, *before, window))
        hidden = self._decode(asked.tokens, asked.positions, masks, cache)
        # Where the answer begins in its own row: an answer may already follow the prompt.
        within = (batch.branch[rows] == slots[:, None] + 1).cumsum(1)
        place = within.gather(1, batch.answers[rows, slots][:, None]).squeeze(1) - 1
        return hidden[torch.arange(len(rows), device=rows.device), place]

    def _read_prefix(self, batch: PackedBatch) -> DynamicCache | None:
        """Keys and values of the common prefix, computed once and repeated for every row; None if there is none."""
        if not len(batch.prefix):
            return None
        # Gradients flow back through the repeated keys and values.
        cache = DynamicCache()
        self._causal_model.get_decoder()(input_ids=batch.prefix[None], past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(batch.tokens))
        return cache

    def _decode(self, tokens: Tensor, positions: Tensor, masks, cache: DynamicCache | None) -> Tensor:
        return self._causal_model.get_decoder()(
            input_ids=tokens,
            attention_mask=masks,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state

    def _attention_masks(self, visible: Callable[..., Tensor]):
        """As the architecture wants them. visible: (sliding window or nothing) → BoolTensor [N, 1, S, keys]."""
        layer_types = set(getattr(self._text_config, "layer_types", None) or ())
        if "sliding_attention" not in layer_types:
            return self._as_mask(visible())
        return {
            "full_attention": self._as_mask(visible()),
            "sliding_attention": self._as_mask(visible(self._text_config.sliding_window)),
        }

    def _as_mask(self, visible: Tensor) -> Tensor:
        if self._text_config._attn_implementation != "eager":
            return visible
        # Eager attention adds its mask to the scores.
        dtype = self.dtype
        return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill(
            ~visible, torch.finfo(dtype).min
        )

    def verify(self, items, tolerance: float) -> float:
        """Compare packed margins with one plain forward pass a prompt; return the largest difference.

        Guards against architectures whose masks, positions or head work otherwise than supposed here.
        Raises RuntimeError if the difference exceeds ``tolerance``.
        """
        format_ = self.prompt_format
        was_training = self.training
        self.eval()
        worst = 0.0
        with torch.inference_mode():
            packed = self(pack(format_.encode(items), format_.pad).to(self.device))
            margins = packed.log_yes - packed.log_no
            for row, item in enumerate(items):
                for k, question in enumerate(item.questions):
                    text = format_.text(item.premise, question.hypothesis)
                    tokens = torch.tensor(format_._tokenize([text]), device=self.device)
                    logits = self._causal_model(input_ids=tokens, use_cache=False).logits[0, -1].float()
                    alone = logits[format_.yes] - logits[format_.no]
                    worst = max(worst, abs(float(alone - margins[row, k])))
        self.train(was_training)
        if worst > tolerance:
            raise RuntimeError(
                f"{self.config.model_type}: margins read in one packed pass differ from plain ones by {worst:.2g} "
                f"(allowed {tolerance:.2g}); this architecture is not supported"
            )
        return worst
