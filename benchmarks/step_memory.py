"""Peak memory of one training step on whole texts, measured in a process of its own (Linux).

    python -m benchmarks.step_memory model=gemma3_270m rows=64 width=128          prints JSON

`rows` texts of `width` tokens each, cross-entropy on every token. Prints, in bytes: step, the most that the step held beyond
what the process held before it; head, the same for the vocabulary head and the loss alone, forwards and backwards, on as
many positions; plain_logits, what the logits of all positions take in fp32; parameters, of the model.

A process's high-water mark includes what loading took, so it is set back first, by /proc/self/clear_refs. It is read from
/proc/self/status (models/memory.py). Memory that the allocator keeps
for later is given back before, or a second measurement would find it there.
"""

import ctypes
import gc
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.measuring import configuration
from benchmarks.training_cases import CASES, ProductStep
from input_output.command_line import read_settings, whole
from models.head import log_probabilities
from models.memory import peak_memory
from models.packing import text_targets
from models.prompts import EncodedItem
from training.batches import TrainingExample

NAME = "step_memory"
DEFAULTS = {"model": "gemma3_270m", "rows": "64", "width": "128"}
_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)
_FORGET_HIGH_WATER = "5"


def of_width(example: TrainingExample, width: int) -> TrainingExample:
    """The same example with a text of `width` tokens: its end, after as many repetitions as it takes."""
    (branch,) = example.encoded.branches
    text = example.encoded.shared + branch
    text = (text * -(-width // len(text)))[-width:]
    return replace(example, encoded=EncodedItem(text[: -len(branch)], (text[-len(branch) :],)))


def bytes_beyond(work: Callable[[], object]) -> int:
    """The most memory that `work` held beyond what the process holds now."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    _RESET.write_text(_FORGET_HIGH_WATER)
    before = 1024 * int(_RESIDENT.search(_STATUS.read_text())[1])
    work()
    return peak_memory()["cpu"] - before


def measure(model: str, rows: int, width: int) -> dict:
    cfg = configuration(model, *CASES["whole-text cross-entropy"], f"training.batch_size={rows}")
    product = ProductStep(cfg, batches=1)
    examples = [of_width(example, width) for example in product.batches[0]]
    product.step(examples[:1])  # what is allocated once: gradients, moments, the libraries' own buffers
    answerer = product.answerer
    _, batch = product.collate(examples)
    tokens = text_targets(batch, "sequence", answerer.prompt_format.header_length)[2]
    head = answerer.language_model.get_output_embeddings()

    def head_and_loss() -> None:
        words, which = tokens.unique(return_inverse=True)
        hidden = torch.randn(len(tokens), head.weight.shape[1], dtype=head.weight.dtype, requires_grad=True)
        log_probabilities(head, hidden, words).gather(1, which[:, None]).mean().backward()

    head_bytes = bytes_beyond(head_and_loss)
    return {
        "rows": rows,
        "width": width,
        "positions": len(tokens),
        "step": bytes_beyond(lambda: product.step(examples)),
        "head": head_bytes,
        "plain_logits": len(tokens) * len(head.weight) * torch.finfo(torch.float32).bits // 8,
        "parameters": product.loaded["parameters"],
        "precision": product.loaded["precision"],
    }


def main(arguments: Sequence[str]) -> int:
    try:
        settings = read_settings(arguments, DEFAULTS)
        found = measure(settings["model"], *(whole(settings, key) for key in ("rows", "width")))
    except ValueError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
