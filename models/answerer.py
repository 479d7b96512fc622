"""A language model that answers Yes/No questions on graphs, many at a time."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from models.head import log_probabilities, token_logits
from models.last_layer import read_at
from models.packing import PackedBatch, branches, pack, premises, text_targets, visible_to
from models.prompts import PromptFormat

# Rows of several questions, in tokens after the common prefix: up to this one pass over the tree is faster than one over
# premises and one over branches, whose products are smaller; above it attention between siblings, which the tree only
# masks, costs more (Gemma 3 270M and SmolLM2-135M on a CPU, benchmarks/README.md).
WIDEST_TREE = 256


@dataclass
class Reading:
    """What one pass says of a packed batch of B rows and K questions.

    log_yes, log_no: float32 [B, K], log p(answer token | prompt), softmax over the full vocabulary;
        their difference is the margin. 0 where nothing is asked.
    text_nats, text_rows: float32 and long [N], -log p of the tokens of a text target and the rows that they stand in,
        or None unless one was asked for.
    """

    log_yes: Tensor
    log_no: Tensor
    text_nats: Tensor | None = None
    text_rows: Tensor | None = None


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
    def attention(self) -> str:
        """eager or sdpa."""
        return self._text_config._attn_implementation

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

    def fingerprint(self) -> str:
        """SHA-256 of all weights, adapters included, their names, shapes and precision."""
        digest = hashlib.sha256()
        for name, parameter in self.named_parameters():
            digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
            digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy())
        return digest.hexdigest()

    def ask(self, prompt: str) -> None:
        """Ask with another prompt of ``models.prompts.PROMPTS`` from now on."""
        self.prompt_format = PromptFormat(self.prompt_format.tokenizer, prompt)

    def forward(self, batch: PackedBatch, text: str | None = None) -> Reading:
        """Read a batch.

        text: also the cross-entropy of these tokens of the texts (``models.packing.text_targets``). Only the columns that
            are asked for go through the vocabulary head.
        """
        rows, slots = batch.asked.nonzero(as_tuple=True)
        answers = torch.tensor([self.prompt_format.yes, self.prompt_format.no], device=rows.device)
        if text is None:
            log_p = self._log_probabilities(self._at_answers(batch, rows, slots), answers)
            nats = where = None
        else:
            where, of_text, targets = text_targets(batch, text, self.prompt_format.header_length)
            of_answers = batch.answer_places(rows, slots)
            places, place = torch.cat([of_answers, of_text]).unique(return_inverse=True)
            tokens, token = torch.cat([answers, targets]).unique(return_inverse=True)
            of_all = self._log_probabilities(self._read_tree(batch, places), tokens)
            log_p = of_all[place[: len(rows), None], token[:2]]
            nats = -of_all[place[len(rows) :], token[2:]]
        log_yes, log_no = (
            log_p.new_zeros(batch.asked.shape).index_put((rows, slots), log_p[:, answer]) for answer in (0, 1)
        )
        return Reading(log_yes, log_no, nats, where)

    def margins(self, batch: PackedBatch) -> Tensor:
        """float32 [B, K], logit(Yes) - logit(No) where the answer begins; 0 where nothing is asked.

        What ``forward`` gives as log_yes - log_no, without the rest of the vocabulary.
        """
        rows, slots = batch.asked.nonzero(as_tuple=True)
        margins = self._margins(self._at_answers(batch, rows, slots))
        return margins.new_zeros(batch.asked.shape).index_put((rows, slots), margins)

    def _margins(self, hidden: Tensor) -> Tensor:
        """float32 [N], of the last hidden states [N, H] where answers begin."""
        answers = torch.tensor([self.prompt_format.yes, self.prompt_format.no], device=hidden.device)
        yes, no = token_logits(self.head, hidden, answers, self._logit_cap).unbind(1)
        return yes - no

    def _at_answers(self, batch: PackedBatch, rows: Tensor, slots: Tensor) -> Tensor:
        """[N, H] last hidden states where the answers to the N questions ``slots`` of ``rows`` begin."""
        several = batch.asked.shape[1] > 1
        if several and batch.tokens.shape[1] > WIDEST_TREE:
            return self._read_branches(batch, rows, slots)
        return self._read_leaves(batch, rows, slots)

    def _log_probabilities(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        return log_probabilities(self.head, hidden, tokens, self._logit_cap)

    @property
    def decoder(self) -> nn.Module:
        """Embeddings and layers, without the head."""
        return self._causal_model.get_decoder()

    @property
    def head(self) -> nn.Module:
        """The vocabulary head."""
        return self._causal_model.get_output_embeddings()

    @property
    def _logit_cap(self) -> float | None:
        return getattr(self._text_config, "final_logit_softcapping", None)

    def _read_tree(self, batch: PackedBatch, places: Tensor) -> Tensor:
        """[n, H] last hidden states at n distinct ``PackedBatch.places``, those in the prefix first; the rows in one pass."""
        masks, common = self._attention_masks(batch.visible), len(batch.prefix)
        if not common:
            return self._decode(batch.tokens, batch.positions, masks, None, places)
        before, cache = self._read_prefix(batch, places[places < common])
        after = self._decode(batch.tokens, batch.positions, masks, cache, places[places >= common] - common)
        return torch.cat([before, after])

    def _read_leaves(self, batch: PackedBatch, rows: Tensor, slots: Tensor) -> Tensor:
        """What ``_at_answers`` gives, in one pass."""
        return self._read_tree(batch, batch.answer_places(rows, slots))

    def _read_branches(self, batch: PackedBatch, rows: Tensor, slots: Tensor) -> Tensor:
        """What ``_at_answers`` gives, in two passes: premises first, then branches."""
        nowhere = rows[:0]
        cache = self._read_prefix(batch, nowhere)[1] if len(batch.prefix) else DynamicCache()
        prefix = torch.arange(len(batch.prefix), device=self.device).expand(len(batch.tokens), -1)
        trunk, asked = premises(batch), branches(batch, rows, slots)
        before = prefix, torch.ones_like(prefix, dtype=torch.bool)
        if trunk.tokens.shape[1]:  # rows of one premise are all common prefix
            masks = self._attention_masks(lambda window=None: visible_to(trunk, *before, window))
            self._decode(trunk.tokens, trunk.positions, masks, cache, nowhere)
        cache.batch_select_indices(rows)
        before = [torch.cat(parts, 1)[rows] for parts in zip(before, (trunk.positions, trunk.valid), strict=True)]
        masks = self._attention_masks(lambda window=None: visible_to(asked, *before, window))
        # Where the answer begins in its own row: an answer may already follow the prompt.
        within = (batch.branch[rows] == slots[:, None] + 1).cumsum(1)
        column = within.gather(1, batch.answers[rows, slots][:, None]).squeeze(1) - 1
        places = torch.arange(len(rows), device=rows.device) * asked.tokens.shape[1] + column
        return self._decode(asked.tokens, asked.positions, masks, cache, places)

    def _read_prefix(self, batch: PackedBatch, places: Tensor) -> tuple[Tensor, DynamicCache]:
        """Of the common prefix, read once: [n, H] last hidden states at ``places`` [n]; keys and values, for every row."""
        # Gradients flow back through the repeated keys and values.
        cache = DynamicCache()
        hidden = self._decode(batch.prefix[None], None, None, cache, places)
        cache.batch_repeat_interleave(len(batch.tokens))
        return hidden, cache

    def _decode(
        self, tokens: Tensor, positions: Tensor | None, masks, cache: DynamicCache | None, places: Tensor
    ) -> Tensor:
        """[n, H] last hidden states at ``places`` [n], distinct, of the rows' columns one row after the other."""
        with read_at(self.decoder, places, tokens.shape):
            hidden = self.decoder(
                input_ids=tokens,
                attention_mask=masks,
                position_ids=positions,
                past_key_values=cache,
                use_cache=cache is not None,
            ).last_hidden_state
        return hidden.flatten(0, 1).index_select(0, places)

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
        if self.attention != "eager":
            return visible
        # Eager attention adds its mask to the scores.
        dtype = self.dtype
        return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill(
            ~visible, torch.finfo(dtype).min
        )

    def verify(self, items, tolerance: float) -> float:
        """Compare packed margins, read in either way, with one plain forward pass a prompt; return the largest difference.

        Guards against architectures whose masks, positions or head work otherwise than supposed here.
        Raises RuntimeError if the difference exceeds ``tolerance``.
        """
        format_ = self.prompt_format
        was_training = self.training
        self.eval()
        alone = []
        with torch.inference_mode():
            batch = pack(format_.encode(items), format_.pad, fewest_saved=1).to(self.device)
            rows, slots = batch.asked.nonzero(as_tuple=True)
            packed = [self._margins(read(batch, rows, slots)) for read in (self._read_leaves, self._read_branches)]
            for item in items:
                for question in item.questions:
                    text = format_.text(item.premise, question.hypothesis)
                    tokens = torch.tensor(format_._tokenize([text]), device=self.device)
                    logits = self._causal_model(input_ids=tokens, use_cache=False).logits[0, -1].float()
                    alone.append(logits[format_.yes] - logits[format_.no])
        self.train(was_training)
        worst = float((torch.stack(packed) - torch.stack(alone)).abs().max())
        if not worst <= tolerance:  # nor if it is no number
            raise RuntimeError(
                f"{self.config.model_type}: packed margins differ from plain ones by {worst:.2g} "
                f"(allowed {tolerance:.2g}); this architecture is not supported"
            )
        return worst
