"""Where memory runs out, scoring goes on with smaller batches and gives the same margins."""

import numpy as np
import pytest
import torch

from causal_tasks.suites import build
from models.loading import load_answerer
from models.memory import is_out_of_memory
from scoring.scorer import ScoringOutOfMemory, in_batches, score


def allocate_at_most(rows, read, seen):
    def limited(indices):
        if len(indices) > rows:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried")
        seen.append(indices)
        return read(indices)

    return limited


def test_every_row_is_read_once_in_smaller_batches(caplog):
    lengths, seen = [5, 9, 7, 3, 8, 4, 6, 2], []
    in_batches(lengths, 64, allocate_at_most(2, lambda indices: None, seen))
    assert sorted(index for batch in seen for index in batch) == list(range(8))
    assert "out of memory: goes on with" in caplog.text


def test_one_row_too_many_and_other_errors_are_raised():
    with pytest.raises(ScoringOutOfMemory, match="one prompt of 9 tokens"):
        in_batches([9, 3], 20, allocate_at_most(0, None, []))
    with pytest.raises(RuntimeError, match="shapes"):
        in_batches([9], 20, lambda indices: torch.zeros(2, 3) @ torch.zeros(2, 3))


def test_what_is_out_of_memory():
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory")) and is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes")) and not is_out_of_memory(ValueError("out of memory"))


def test_the_margins_are_the_same(composed, monkeypatch):
    answerer, _ = load_answerer(composed("scale=smoke").model)
    items = build("transitivity", "corrected", "validation", 24, 0, 1)
    plain = score(answerer, items, 4096)
    margins = answerer.margins

    def small(batch):
        if len(batch.tokens) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return margins(batch)

    monkeypatch.setattr(answerer, "margins", small)
    np.testing.assert_allclose(score(answerer, items, 4096), plain, atol=1e-5)
