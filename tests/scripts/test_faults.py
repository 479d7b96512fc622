"""Every fault of the release is one name under `faults`, and each alone changes what it says and nothing else."""

import re
from pathlib import Path

import pytest

from causal_tasks.faults import ALL_FAULTS, NAMES, Faults, read_faults
from causal_tasks.suites import yes_share
from models.loading import load_answerer
from scoring.evaluation import SCORERS, build_suite
from scoring.ways import Way
from train import run
from training import fine_tune
from training.batches import Collator, GraphDataset
from training.building import build_loss
from training.fine_tune import oracle_of_the_semantic_term, training_items
from training.settings import check_settings

DATA = ("unblocked_reversed_chain", "lost_separators", "repeated_names", "ordered_queries")
SCORING = ("merged_into_4bit", "yes_anywhere_in_text", "empty_adapter")


def test_the_config_has_every_fault_by_its_name(composed):
    for group in ("none", "data", "released"):
        assert set(composed(f"faults={group}", "protocol=released").faults) == set(NAMES)
    assert set(composed("faults=none", "protocol=released").faults.values()) == {False}
    released = composed("faults=released", "protocol=released").faults
    assert {name for name, on in released.items() if not on} == set(SCORING)
    assert not any(composed("faults=released", "protocol=corrected").faults[name] for name in DATA)


def test_each_fault_is_described_with_its_finding():
    config = (Path(__file__).parents[2] / "conf" / "faults" / "released.yaml").read_text()
    for name in NAMES:
        assert re.search(rf"^# A\d+[,:] [^\n]+\n(# [^\n]+\n)*{name}: ", config, re.MULTILINE), name
    for name in DATA:
        assert f"        {name}: (A" in Faults.__doc__


def test_the_published_experiments_train_with_the_faults_of_the_release(composed):
    for name in ("transitivity_ce", "dseparation_ce", "transitivity_semantic", "dseparation_semantic"):
        cfg = composed(f"experiment={name}", "scale=smoke")
        assert {fault for fault, on in cfg.faults.items() if not on} == set(SCORING)


def items(composed, task, *overrides):
    cfg = composed(
        f"task={task}", "protocol=released", "scale=smoke", "training.samples=400", "faults=none", *overrides
    )
    check_settings(cfg)
    return training_items(cfg)


def test_a1_unshifted_cross_entropy(composed):
    bases = [
        composed("experiment=transitivity_semantic", f"faults.unshifted_cross_entropy={on}").loss.base
        for on in ("true", "false")
    ]
    assert bases == ["released", "turn"]


def test_a2_oracle_of_the_labels(composed):
    """With the faulty labels of A4, the correct oracle disagrees with some, and only with its switch off is it asked."""
    faulty = items(composed, "dseparation", "faults.unblocked_reversed_chain=true")
    answerer, _ = load_answerer(composed("scale=smoke").model)
    found = []
    for on in ("true", "false"):
        oracle = oracle_of_the_semantic_term(composed("protocol=released", f"faults.oracle_of_the_labels={on}"))
        dataset = GraphDataset(faulty, answerer.prompt_format, False, oracle=oracle)
        batch = Collator(answerer.prompt_format, False, answerer.device)([dataset[i] for i in range(len(dataset))])
        found.append(int((batch["labels"] != batch["entailed"]).sum()))
    assert found[0] == 0 and 5 < found[1] < 40  # about 4 % of 400
    right = items(composed, "dseparation")
    assert all(oracle(item.graph, q.question) == q.label for item in right for q in item.questions)


def test_a3_class_weighted_answer(composed):
    on, off = (
        build_loss(composed("experiment=dseparation_semantic", f"faults.class_weighted_answer={on}"))
        for on in ("true", "false")
    )
    assert on.base.class_weights == {"yes": 7.5, "no": 1.0} and off.base.class_weights is None


def test_a4_unblocked_reversed_chain(composed):
    on, off = (items(composed, "dseparation", f"faults.unblocked_reversed_chain={on}") for on in ("true", "false"))
    assert [item.premise for item in on] == [item.premise for item in off]
    changed = [
        (a.questions[0].label, b.questions[0].label)
        for a, b in zip(on, off)
        if a.questions[0].label != b.questions[0].label
    ]
    assert changed and set(changed) == {(False, True)}


@pytest.fixture
def suite(composed):
    def part(split, **faults):
        overrides = [f"suite.faults.{name}={str(faults.get(name, False)).lower()}" for name in DATA]
        cfg = composed("suite=published", "suite.samples=300", *overrides, name="evaluate")
        return next(items for (_, name), items in build_suite(cfg.suite).items() if name == split)

    return part


def test_a5_lost_separators(suite):
    on, off = suite("shuffled", lost_separators=True), suite("shuffled")
    assert not any(". " in item.premise for item in on) and all(". " in item.premise for item in off)
    assert yes_share(on) < 0.02 < yes_share(off)


def test_a6_repeated_names(suite):
    on, off = suite("reversed", repeated_names=True), suite("reversed")

    def repeats(items):
        return sum(len(item.graph.nodes) < len(item.graph.edges) + 1 for item in items)

    assert repeats(on) > 10 and repeats(off) == 0


def test_a6_ordered_queries(suite):
    assert yes_share(suite("length", ordered_queries=True)) == 1.0
    assert yes_share(suite("length")) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("fault", "way"),
    [
        ("merged_into_4bit", Way(weights="merged_4bit")),
        ("yes_anywhere_in_text", Way(verdict="text")),
        ("empty_adapter", Way(weights="empty")),
    ],
)
def test_a10_a11_a13_are_ways_of_scoring(composed, fault, way):
    for script, extra in (("evaluate", "suite=published"), ("train", "experiment=transitivity_semantic")):
        for on, expected in (("true", way), ("false", Way())):
            cfg = composed(extra, f"faults.{fault}={on}", name=script)
            suite = cfg.suite if script == "evaluate" else cfg.suites.published
            assert Way.of(suite, cfg) == expected


def test_a12_foreign_training_prompt(composed):
    prompts = [
        composed("experiment=dseparation_ce", f"faults.foreign_training_prompt={on}").prompt for on in ("true", "false")
    ]
    assert prompts == ["dseparation_released", "benchmark"]
    answerer, _ = load_answerer(composed("scale=smoke").model, prompt=prompts[0])
    text = answerer.prompt_format.text("A causes B.", "Are A and B d-separated?")
    assert (
        "A causes B.\n\nQuestion: Are A and B d-separated?\nAnswer with only 'Yes' or 'No' based on d-separation rules."
        in text
    )
    answerer.ask("benchmark")
    assert "Question:" not in answerer.prompt_format.text("A causes B.", "Are A and B d-separated?")


def test_a12_trains_and_probes_with_its_own_prompt_and_is_scored_with_the_benchmarks(composed, tmp_path, monkeypatch):
    asked = {"probes": set(), "suites": set()}

    def noting(where, score):
        def noted(answerer, *arguments, **named):
            asked[where].add(answerer.prompt_format.text("A causes B.", "Is A separated from B?"))
            return score(answerer, *arguments, **named)

        return noted

    monkeypatch.setattr(fine_tune, "score", noting("probes", fine_tune.score))
    monkeypatch.setitem(SCORERS, "logits", noting("suites", SCORERS["logits"]))
    few = [f"suites.{name}.samples=4" for name in ("published", "corrected", "validation")]
    few += ["training.samples=16", "evaluation.resamples=0", "evaluation.yardstick_questions=50", "tracking=none"]
    run(composed("experiment=dseparation_ce", "scale=smoke", f"out={tmp_path / 'run'}", *few))
    ((probed,), (scored,)) = asked.values()
    assert "Question: Is A" in probed and "based on d-separation rules" in probed
    assert "Please answer with only" in scored and "Question:" not in scored


def test_faults_are_read_from_a_list_of_names():
    assert read_faults("released") == ALL_FAULTS and not any(vars(read_faults("none")).values())
    one = read_faults("lost_separators")
    assert one.lost_separators and not one.repeated_names
    with pytest.raises(
        ValueError, match="'lost_seperators' is no fault of the data; allowed: released, none, or of unblocked"
    ):
        read_faults("lost_seperators")
    with pytest.raises(ValueError, match="'empty_adapter' is no fault of the data"):
        read_faults("lost_separators,empty_adapter")


def test_exports_reach_them(run_script, tmp_path):
    command = ["task=transitivity", "protocol=released", "split=length", "n=50"]
    run_script("causal_tasks.export", *command, "faults=ordered_queries", "out=on.jsonl", cwd=tmp_path)
    run_script("causal_tasks.export", *command, "faults=none", "out=off.jsonl", cwd=tmp_path)
    assert '"No"' not in (tmp_path / "on.jsonl").read_text() and '"No"' in (tmp_path / "off.jsonl").read_text()
    assert "faults=none" in (tmp_path / "off.card.md").read_text()
    refused = run_script("causal_tasks.export", *command, "faults=all", "out=o.jsonl", cwd=tmp_path, expect=2)
    assert "faults=all: 'all' is no fault" in refused
