"""Cells of the ablation train at smoke scale, and every loss learns from whole families."""

import json
from itertools import compress

import pandas as pd
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from causal_tasks.suites import build, yes_share
from input_output.errors import SettingsError
from losses import Loss
from models.loading import load_answerer
from models.packing import PackedBatch
from reporting import write_all
from train import run
from training.batches import PACKED, Collator, GraphDataset, answers_of, text_of
from training.fine_tune import fine_tune, labelled_items, training_items

SMALL = ["scale=smoke", "tracking=none", "suites.corrected.samples=8", "evaluation.resamples=20", "grid=ablation"]
CELLS = {
    "weighted": ["experiment=ablation/weighted", "loss=cross_entropy", "task=dseparation"],
    "schedule": ["experiment=ablation/sampled", "loss=semantic", "loss.base=released", "schedule=relobralo"],
    "semi-supervised": ["experiment=ablation/families", "task=dseparation", "data.unlabelled_fraction=0.9"],
    "control": [
        "experiment=ablation/families",
        "loss=cross_entropy",
        "task=dseparation",
        "data.unlabelled_fraction=0.9",
    ],
    "distance": [
        "experiment=ablation/families",
        "loss=semantic_distance",
        "loss.learned=true",
        "+suite@suites.closure=closure",
        "suites.closure.samples=300",
        # The first step is all warm-up: a few more show that the weights move.
        "training.samples=360",
        "training.log_every=1",
    ],
}


@pytest.fixture(scope="module")
def trained(composed, tmp_path_factory):
    """Name of the cell → its run folder, all in one results folder."""
    folder = tmp_path_factory.mktemp("ablation")
    runs = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, cell in CELLS.items():
            runs[name] = folder / run(composed(*SMALL, *cell, name="sweep")).path
    return folder / ".smoke", runs


def record(run_folder):
    return json.loads((run_folder / "run.json").read_text())


def steps(run_folder):
    lines = [json.loads(line) for line in (run_folder / "training_log.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def test_cells_train_and_say_what_they_trained_on(trained):
    _, runs = trained
    records = {name: record(folder) for name, folder in runs.items()}
    assert all(entry["status"] == "finished" and entry["grid"] == "ablation" for entry in records.values())
    assert records["weighted"]["training"]["yes_share"] == pytest.approx(0.117, abs=0.02)
    assert records["schedule"]["training"]["yes_share"] == pytest.approx(0.632, abs=0.02)
    semi = records["semi-supervised"]["training"]
    assert (semi["questions"], semi["unlabelled_fraction"], semi["graphs"]) == ("families", 0.9, 8)
    assert semi["unlabelled_graphs"] == 7
    assert all("loss/class_weighted_answer" in line for line in steps(runs["weighted"]))
    assert all(line["loss/groups"] > 0 for line in steps(runs["semi-supervised"]))
    assert len({line["loss/weight_node"] for line in steps(runs["distance"])}) > 1, "the weights are learned"
    assert len({line["lambda"] for line in steps(runs["schedule"])}) > 1


def test_only_the_own_task_was_scored(trained):
    _, runs = trained
    for folder in (runs["weighted"], runs["semi-supervised"]):
        assert set(pd.read_parquet(folder / "evaluation/corrected/margins.parquet")["task"]) == {"dseparation"}
        assert not (folder / "evaluation/published").exists()


def test_the_closure_suite_reports_structural_distances(trained):
    _, runs = trained
    rows = json.loads((runs["distance"] / "evaluation/closure/metrics.json").read_text())["rows"]
    assert [row["split"] for row in rows] == ["in_distribution", "long_names", "pooled"]
    for row in rows:
        assert 0 <= row["shd_share_interval"][0] <= row["shd_share"] <= row["shd_share_interval"][1] <= 1
        assert 0 < row["shd_share_always_no"] <= 1


def test_the_runs_are_rows_of_the_ablation_table(trained):
    results, runs = trained
    write_all(results)
    table = pd.read_csv(results / "tables" / "ablation.csv")
    assert set(table["variant"]) == {record(folder)["variant"] for folder in runs.values()}
    assert table["balanced_accuracy"].notna().all()
    contrasts = pd.read_csv(results / "tables" / "ablation_contrasts.csv")
    assert dict(zip(contrasts["variant"], contrasts["against"])) == {
        record(runs["semi-supervised"])["variant"]: record(runs["control"])["variant"]
    }


@pytest.mark.parametrize("task", ["transitivity", "dseparation"])
def test_a_share_of_yes_is_met_with_several_questions_a_graph(composed, task):
    settings = (f"task={task}", "training.samples=240", "data.yes_share=0.125", "seed=3")
    items = training_items(composed(*settings, "task.questions_per_graph=8"))
    labels = [[question.label for question in item.questions] for item in items]
    assert sum(map(sum, labels)) == 30 and sum(map(len, labels)) == 240
    # An eighth of eight questions: the 30 Yes come from 30 graphs.
    assert max(map(sum, labels)) == 1 and all(labels) and max(map(len, labels)) > 2
    asked = build(task, "corrected", "train", 8 * len(items), 3, 8)
    by_id = {item.id: item for item in asked}
    for item in items:
        assert all(question in by_id[item.id].questions for question in item.questions)


def test_a_share_of_yes_with_one_question_a_graph_takes_the_first_of_each_class(composed):
    items = training_items(composed("task=transitivity", "training.samples=20", "data.yes_share=0.25", "seed=3"))
    stream = build("transitivity", "corrected", "train", 80, 3, 1)
    yes = [item for item in stream if item.questions[0].label][:5]
    no = [item for item in stream if not item.questions[0].label][:15]
    assert items == sorted(yes + no, key=lambda item: item.id)


def test_training_items_are_families_where_the_config_says_so(composed):
    cfg = composed("experiment=ablation/families", "scale=smoke", "seed=3")
    assert training_items(cfg) == build("transitivity", "corrected", "train", 48, 3, 6, questions="families")


def test_a_loss_is_told_whose_labels_are_withheld(composed):
    class Told(Loss):
        def prepare(self, items, labelled=None):
            raise ValueError(f"{labelled.count(False)} of {len(items)}")

    cfg = composed("scale=smoke", "training.samples=8", "data.unlabelled_fraction=0.5")
    with pytest.raises(SettingsError, match="4 of 8"):
        fine_tune(cfg, None, Told(), None, None, None)


def test_labels_are_withheld_at_random_where_the_order_is_not(composed):
    """A share of Yes ends in items of one class; items that are drawn one like another lose the leading ones."""
    cfg = composed("task=dseparation", "training.samples=1024", "data.yes_share=0.117", "data.unlabelled_fraction=0.5")
    items = training_items(cfg)
    kept = labelled_items(cfg, len(items))
    assert kept.count(False) == 512 and kept == labelled_items(cfg, len(items))
    assert yes_share(list(compress(items, kept))) == pytest.approx(0.117, abs=0.03)
    cfg.seed = 1
    assert kept != labelled_items(cfg, len(items))
    cfg.data.yes_share = None
    assert labelled_items(cfg, 5) == [False, False, True, True, True]


def test_a_fraction_that_withholds_nothing_is_refused(composed):
    cfg = composed("data.unlabelled_fraction=0.01")
    with pytest.raises(SettingsError, match="unlabelled_fraction=0.01: less than one of the 99 training graphs"):
        labelled_items(cfg, 99)


LOSSES = {
    "answer": {"_target_": "losses.CrossEntropy"},
    "sequence": {"_target_": "losses.CrossEntropy", "target": "sequence"},
    "turn": {"_target_": "losses.CrossEntropy", "target": "turn"},
    "released": {"_target_": "losses.CrossEntropy", "target": "released"},
    "semantic": {"_target_": "losses.Semantic", "base": "released", "class_weights": {"yes": 7.5, "no": 1.0}},
    "weighted": {"_target_": "losses.WeightedCrossEntropy"},
    "focal": {"_target_": "losses.Focal"},
    "adjusted": {"_target_": "losses.LogitAdjusted"},
    "smoothing": {"_target_": "losses.LabelSmoothing"},
    "margin": {"_target_": "losses.Margin"},
    "axioms": {"_target_": "losses.ExactSemantic"},
    "facts": {"_target_": "losses.ExactSemantic", "knowledge": "axioms_and_facts"},
    "deduced": {"_target_": "losses.ExactSemantic", "knowledge": "deduced"},
    "closed world": {"_target_": "losses.Semantic", "term": "margin"},
    "distance": OmegaConf.load("conf/loss/semantic_distance.yaml"),
}


@pytest.fixture(scope="module")
def tiny(composed):
    cfg = composed("scale=smoke")
    return load_answerer(cfg.model, lora=cfg.lora, seed=0)[0]


PAIRS = [
    (name, task)
    for name in LOSSES
    for task in ("transitivity", "dseparation")
    if (name, task) != ("distance", "dseparation")
]


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_every_loss_learns_from_whole_families(name, task, tiny):
    loss = instantiate(LOSSES[name], _convert_="all")
    items = build(task, "corrected", "train", 24, 0, 6, questions="families")
    loss.prepare(items)
    dataset = GraphDataset(items, tiny.prompt_format, loss.text is not None)
    inputs = Collator(tiny.prompt_format, loss.text is not None, tiny.device)([dataset[i] for i in range(len(dataset))])
    reading = tiny(PackedBatch(**{key: inputs[key] for key in PACKED}), text=loss.text)
    tiny.zero_grad()
    loss(answers_of(inputs, reading), text_of(reading), 0.3)["total"].backward()
    gradients = [p.grad for p in tiny.parameters() if p.requires_grad and p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert torch.stack([gradient.abs().max() for gradient in gradients]).max() > 0
