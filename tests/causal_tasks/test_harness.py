"""The exported tasks in EleutherAI's lm-evaluation-harness itself; skipped but for `make test-peers`."""

import pytest
import torch

from causal_tasks.export import main as export
from causal_tasks.files import read_jsonl
from models.answerer import Answerer
from models.prompts import PromptFormat
from models.tiny import tiny_model, tiny_tokenizer
from scoring.metrics import measure
from scoring.scorer import score


def test_harness_runs_the_export_as_it_is_and_agrees_on_every_verdict(tmp_path, monkeypatch):
    lm_eval = pytest.importorskip("lm_eval", reason="lm_eval is not installed: make test-peers")
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    settings = ["export=lm_eval", "task=transitivity,dseparation", "protocol=corrected", "split=adversarial", "n=20"]
    assert export([*settings, f"out={tmp_path}"]) == 0
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, "eager").float().eval()
    results = lm_eval.simple_evaluate(
        model=HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4, device="cpu"),
        tasks=["causal_questions"],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        apply_chat_template=True,
        log_samples=True,
        bootstrap_iters=0,
    )
    answerer = Answerer(model, PromptFormat(tokenizer)).eval()
    assert len(results["samples"]) == 2
    for name, samples in results["samples"].items():
        items = read_jsonl(tmp_path / f"{name}.jsonl")
        margins = dict(zip([q.id for item in items for q in item.questions], score(answerer, items, 4096)))
        assert len(samples) == 20
        for sampled in samples:
            (yes, _), (no, _) = (response[0] for response in sampled["resps"])
            assert float(yes) - float(no) == pytest.approx(float(margins[sampled["doc"]["id"]]), abs=1e-4)
        labels = [question.label for item in items for question in item.questions]
        expected = measure(labels, list(margins.values()), range(20), resamples=0)
        assert results["results"][name]["acc,none"] == pytest.approx(expected["accuracy"])
        assert results["results"][name]["mcc,none"] == pytest.approx(expected["mcc"] or 0.0)
