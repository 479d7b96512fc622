"""The tiny model's settings, questions for it, and their margins, shared by the tests of models."""

from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from models.packing import pack


def item(premise, *hypotheses):
    return SimpleNamespace(
        premise=premise, questions=[SimpleNamespace(hypothesis=h, label=i % 2 == 0) for i, h in enumerate(hypotheses)]
    )


# Longer than the tiny model's sliding window of 64 tokens, so that its two kinds of mask differ.
LONG_PREMISE = " ".join(f"n{i} causes n{i + 1}." for i in range(14))
ITEMS = [
    item("Ab causes c1. c1 causes Q.", "Does Ab cause Q?", "Does Q cause Ab?", "Does c1 cause Q?"),
    item("Z causes c1.", "Does Z cause c1?"),
    item(LONG_PREMISE, "Does n0 cause n9?", "Are n1 and n3 d-separated given {n2}?"),
]
TINY = {
    "name": "tiny", "name_or_path": None, "wheel": None, "revision": None, "random_architecture": True,
    "device": "cpu", "precision": "fp32", "attention": "auto", "quantization": "none",
}  # fmt: skip


@pytest.fixture(scope="session")
def items():
    return ITEMS


@pytest.fixture(scope="session")
def make_item():
    return item


@pytest.fixture(scope="session")
def tiny():
    """Changes → the model config of the tiny random model."""
    return lambda **changes: OmegaConf.create(TINY | changes)


@pytest.fixture(scope="session")
def margins():
    """(answerer, grad=False, items=ITEMS, **layout of pack) → margins [graphs, K]."""

    def read(answerer, items=ITEMS, grad=False, **layout):
        format_ = answerer.prompt_format
        with torch.set_grad_enabled(grad):
            reading = answerer(pack(format_.encode(items), format_.pad, **layout))
        return reading.log_yes - reading.log_no

    return read
