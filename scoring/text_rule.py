"""The verdict of one evaluation function of the release (audit A11), as found: "Yes" anywhere in the text."""

from collections.abc import Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from causal_tasks.items import Item
from models.answerer import Answerer
from scoring.scorer import in_batches, progress, refuse_long_prompts, tokens_at_once

NEW_TOKENS = 5


def texts(
    answerer: Answerer, items: Sequence[Item], token_budget: int | None = None, description: str = ""
) -> list[str]:
    """Prompt and at most five greedily generated tokens of every question, decoded together.

    Questions on one graph are asked one by one. token_budget: as in ``scoring.scorer.score``.
    Raises PromptTooLong as ``scoring.scorer.score``.
    """
    format_ = answerer.prompt_format
    tokenizer = format_.tokenizer
    encoded = format_.encode(items)
    refuse_long_prompts(encoded, answerer.context_length)
    prompts = [item.shared + branch for item in encoded for branch in item.branches]
    found = [""] * len(prompts)
    with torch.inference_mode(), contiguous_inputs(answerer.head), progress(len(prompts), description) as bar:

        def read(indices: list[int]) -> None:
            width = max(len(prompts[i]) for i in indices)
            padded = [[format_.pad] * (width - len(prompts[i])) + list(prompts[i]) for i in indices]
            mask = [[0] * (width - len(prompts[i])) + [1] * len(prompts[i]) for i in indices]
            generated = answerer.language_model.generate(
                input_ids=torch.tensor(padded, device=answerer.device),
                attention_mask=torch.tensor(mask, device=answerer.device),
                max_new_tokens=NEW_TOKENS,
                do_sample=False,
                pad_token_id=format_.pad,
            )
            for i, text in zip(indices, tokenizer.batch_decode(generated, skip_special_tokens=True), strict=True):
                found[i] = text
            bar.update(len(indices))

        in_batches([len(prompt) + NEW_TOKENS for prompt in prompts], tokens_at_once(answerer, token_budget), read)
    return found


@contextmanager
def contiguous_inputs(layer: nn.Module):
    """generate() hands the head a strided [rows, 1, hidden], for which torch would copy the head's weight once a row."""
    hook = layer.register_forward_pre_hook(lambda _, arguments: (arguments[0].contiguous(),))
    try:
        yield
    finally:
        hook.remove()


def says_yes(text: str) -> bool:
    """As found: the prompt is part of the text, and it ends in "'Yes' or 'No'"."""
    return "Yes" in text


def score_by_text(
    answerer: Answerer, items: Sequence[Item], token_budget: int | None = None, description: str = ""
) -> np.ndarray:
    """float32 [questions], 1 where the verdict is Yes and -1 where it is No, in the order of ``scoring.scorer.score``."""
    verdicts = [says_yes(text) for text in texts(answerer, items, token_budget, description)]
    return np.where(verdicts, 1.0, -1.0).astype(np.float32)
