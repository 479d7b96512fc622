"""Score items with a model: one margin a question, in one length-sorted pass."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from tqdm.auto import tqdm

from causal_tasks.items import Item
from input_output.errors import UserError
from models.answerer import Answerer
from models.memory import is_out_of_memory
from models.packing import pack
from models.prompts import EncodedItem

log = logging.getLogger(__name__)


class ScoringOutOfMemory(UserError, RuntimeError):
    """No memory for a single prompt."""


class PromptTooLong(UserError, ValueError):
    """Prompts exceed the model's context; nothing is truncated."""


# Tokens in a batch where the settings name none: on a CPU what lies within a tenth of the fastest on either of two machines
# (benchmarks/README.md).
TOKEN_BUDGETS = {"cpu": 2048, "cuda": 16384}

# Seconds of scoring after which a log without a bar should say how far it is.
LONG = 20


def score(
    answerer: Answerer, items: Sequence[Item], token_budget: int | None = None, description: str = ""
) -> np.ndarray:
    """Margins logit(Yes) - logit(No), float32 [questions], in the order of items and their questions.

    token_budget: most tokens (rows x width, padding included) in a batch, None for the device's own; one row is always
        taken.
    description: title of `progress`.
    Raises PromptTooLong if any prompt exceeds the model's context.
    """
    format_ = answerer.prompt_format
    encoded = format_.encode(items)
    refuse_long_prompts(encoded, answerer.context_length)
    first = np.cumsum([0] + [len(item.branches) for item in encoded])
    margins = np.full(first[-1], np.nan, dtype=np.float32)
    was_training = answerer.training
    answerer.eval()
    with torch.inference_mode(), progress(len(margins), description) as bar:

        def read(indices: list[int]) -> None:
            batch = pack([encoded[i] for i in indices], format_.pad)
            values = answerer.margins(batch.to(answerer.device)).cpu().numpy()
            for row, i in enumerate(indices):
                margins[first[i] : first[i + 1]] = values[row, : len(encoded[i].branches)]
            bar.update(int(batch.asked.sum()))

        in_batches([item.length for item in encoded], tokens_at_once(answerer, token_budget), read)
    answerer.train(was_training)
    return margins


@contextmanager
def progress(questions: int, description: str) -> Iterator[tqdm]:
    """A bar on a terminal, with ``description`` as its title; empty: none. What took long leaves a line in the log."""
    started = time.monotonic()
    hidden = None if description else True  # None: shown on a terminal only
    with tqdm(total=questions, desc=description, unit="question", disable=hidden, leave=False, smoothing=0.05) as bar:
        yield bar
    seconds = time.monotonic() - started
    if description and seconds > LONG:
        log.info("%s: %d questions in %.0f s", description, questions, seconds)


def in_batches(lengths: Sequence[int], token_budget: int, read: Callable[[list[int]], None]) -> None:
    """Call ``read`` on the indices of one length-sorted batch after the other; where memory runs out, with half as many
    tokens in a batch from there on. Raises ScoringOutOfMemory if one row alone is too much."""
    waiting = list(length_sorted_batches(lengths, token_budget))
    while waiting:
        batch = waiting[0]
        try:
            read(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise ScoringOutOfMemory(
                    f"out of memory with one prompt of {lengths[batch[0]]} tokens at a time"
                ) from error
        else:
            waiting.pop(0)
            continue
        token_budget = min(token_budget, len(batch) * lengths[batch[0]]) // 2
        log.warning("out of memory: goes on with %d tokens in a batch (evaluation.token_budget)", token_budget)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        left = [index for batch in waiting for index in batch]
        waiting = [[left[i] for i in part] for part in length_sorted_batches([lengths[i] for i in left], token_budget)]


def tokens_at_once(answerer: Answerer, token_budget: int | None) -> int:
    """The setting, or where it is None what suits the answerer's device."""
    return token_budget or TOKEN_BUDGETS.get(answerer.device.type, TOKEN_BUDGETS["cuda"])


def length_sorted_batches(lengths: Sequence[int], token_budget: int) -> Iterator[list[int]]:
    """Indices in batches of similar length, longest first (so that too little memory shows at once)."""
    batch: list[int] = []
    for index in np.argsort(-np.asarray(lengths), kind="stable").tolist():
        if batch and (len(batch) + 1) * lengths[batch[0]] > token_budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def refuse_long_prompts(encoded: Sequence[EncodedItem], context_length: int) -> None:
    """Raise PromptTooLong with the count and the longest, if any prompt exceeds ``context_length`` tokens."""
    lengths = [item.longest_prompt for item in encoded]
    too_long = sum(length > context_length for length in lengths)
    if too_long:
        raise PromptTooLong(
            f"{too_long} of {len(lengths)} items have prompts longer than the model's context of "
            f"{context_length} tokens (the longest has {max(lengths)}); nothing was scored"
        )
