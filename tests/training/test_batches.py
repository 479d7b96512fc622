"""What a batch of a training shares."""

import math

import pytest
import torch

from causal_tasks.suites import build
from models.prompts import PromptFormat
from models.tiny import tiny_tokenizer
from training.batches import Collator, GraphDataset


@pytest.fixture(scope="module")
def prompt_format():
    return PromptFormat(tiny_tokenizer())


def prefix(prompt_format, items, answered=False, device="cpu"):
    dataset = GraphDataset(items, prompt_format, answered)
    return Collator(prompt_format, answered, torch.device(device))([dataset[i] for i in range(len(items))])["prefix"]


def test_the_common_prefix_is_shared_where_that_saves_enough(prompt_format):
    items = build("transitivity", "released", "train", 8, 0, 1)
    (texts,) = prompt_format.tokenizer([prompt_format.text("", "")], add_special_tokens=False).input_ids
    shared = prefix(prompt_format, items)
    assert shared.tolist() == texts[: len(shared)]  # the instruction
    assert len(shared) * 7 >= 64
    few = math.ceil(64 / len(shared))  # rows of which one too few are left
    assert not len(prefix(prompt_format, items[:few])) and len(prefix(prompt_format, items[: few + 1]))
    assert not len(prefix(prompt_format, items, device="cuda"))


def test_the_header_of_the_answer_turn_stays_with_equal_questions(prompt_format):
    items = build("transitivity", "released", "train", 1, 0, 1) * 8
    whole = len(GraphDataset(items, prompt_format, True)[0].encoded.shared)
    assert len(prefix(prompt_format, items)) == whole
    assert len(prefix(prompt_format, items, answered=True)) == whole - prompt_format.header_length
