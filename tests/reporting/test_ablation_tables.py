"""The ablation's two tables: what each loss reached, and what it changed."""

import json
import shutil

import pandas as pd
import pytest

from reporting import tables
from reporting.ablation_contrasts import effect
from reporting.results import load


def test_ablation_runs_have_their_own_table_and_stay_out_of_the_others(tmp_path, make_run):
    loss = {"_target_": "losses.Semantic", "base": "released", "class_weights": None}
    schedule = {"_target_": "schedulers.Linear", "start": 0.05, "end": 0.3}
    about = dict(grid="ablation", task="transitivity", loss=loss, schedule=schedule, n=40)
    for seed in (0, 1):
        make_run(tmp_path, "transitivity_published", seed, **about)
    make_run(
        tmp_path,
        "transitivity_balanced",
        **about | {"data": {"yes_share": 0.5}, "training": {"samples": 100, "yes_share": 0.5}},
    )
    make_run(tmp_path, "transitivity_ce", n=40)
    made = tables(tmp_path)
    assert set(made["table4_collapse"]["variant"]) == {"transitivity_ce"}
    frame = made["ablation"].set_index("variant")
    assert frame["runs"].to_dict() == {"transitivity_published": 2, "transitivity_balanced": 1}
    row = frame.loc["transitivity_published"]
    assert (
        frame.loc["transitivity_balanced", "logit_adjusted"] == frame.loc["transitivity_balanced", "balanced_accuracy"]
    )
    assert row["logit_adjusted"] != row["balanced_accuracy"] > 0.5
    assert row["questions"] == 100
    # The made-up logs of variants with a "ce" in their name end constant.
    assert frame["constant_while_training"].to_dict() == {"transitivity_published": 0, "transitivity_balanced": 1}
    assert row["loss"] == "Semantic(base=released)" and row["schedule"] == "Linear(end=0.3, start=0.05)"
    assert row["training_yes_share"] == 0.63 and row["seeds"] == ("0", "1") and row["seconds_a_run"] == 72.5
    judged = load(tmp_path).part(ablation=True).measured
    judged = judged[(judged["suite"] == "corrected") & (judged["split"] == "headline")]
    judged = judged[(judged["task"] == "transitivity") & (judged["variant"] == "transitivity_published")]
    assert row["balanced_accuracy"] == pytest.approx(judged["balanced_accuracy"].mean())


def test_an_interval_over_seeds_ends_where_the_measure_does(tmp_path, make_run):
    for seed in (0, 1, 2):
        folder = make_run(tmp_path, "transitivity_ce", seed, n=40, grid="ablation")
        path = folder / "evaluation/corrected/metrics.json"
        report = json.loads(path.read_text())
        for row in report["rows"]:
            row |= {"auroc": 0.99 - 0.2 * seed, "balanced_accuracy": 0.01 + 0.2 * seed}
        path.write_text(json.dumps(report))
    (row,) = tables(tmp_path)["ablation"].to_dict("records")
    assert row["auroc_high"] == 1 and row["balanced_accuracy_low"] == 0
    assert row["auroc_low"] < row["auroc"] == pytest.approx(0.79)
    shutil.rmtree(folder)
    (row,) = tables(tmp_path)["ablation"].to_dict("records")
    assert row["runs"] == 2 and pd.isna(row["auroc_low"]) and pd.isna(row["auroc_high"]), "two seeds are too few"


def test_a_run_that_was_never_judged_counts_as_neither_collapsed_nor_not(tmp_path, make_run):
    """Its corrected suite has one label, or was not scored."""
    for seed in (0, 1):
        folder = make_run(tmp_path, "transitivity_ce", seed, n=40, grid="ablation")
    path = folder / "evaluation/corrected/metrics.json"
    report = json.loads(path.read_text())
    for row in report["rows"]:
        row |= {"label_yes_rate": 1.0, "auroc": None, "auroc_interval": None}
    path.write_text(json.dumps(report))
    made = tables(tmp_path)
    assert made["ablation"][["runs", "collapsed"]].values.tolist() == [[1, 1]]
    assert made["constant_answer"]["runs"].tolist() == [2] and made["constant_answer"]["collapsed"].isna().all()
    shutil.rmtree(path.parent)
    assert tables(tmp_path)["constant_answer"]["collapsed"].isna().all()


PLAIN = {"_target_": "losses.CrossEntropy", "target": "answer", "class_weights": None}


def test_losses_are_held_against_answer_cross_entropy_on_the_same_data(tmp_path, make_run):
    def ablated(variant, seed, loss=PLAIN, data=None, **training):
        training = {"data_fingerprint": f"data of seed {seed}", "steps": 64} | training
        about = {"task": "transitivity", "loss": loss, "data": data, "training": training, "n": 200}
        make_run(tmp_path, variant, seed, grid="ablation", **about)

    for seed in (0, 1, 2, 3):
        ablated("transitivity_ce", seed)  # says Yes to everything, and orders the answers
        ablated(
            "transitivity_semantic", seed, loss={"_target_": "losses.Semantic", "base": "answer"}
        )  # orders them better
    weighted = PLAIN | {"class_weights": {"yes": 0.58, "no": 1.0}}
    ablated("transitivity_weighted", 0, loss=weighted)
    ablated("transitivity_sampled", 0, data={"sampler": "balanced"})
    ablated("transitivity_other_data", 0, loss=weighted, data_fingerprint="other")
    frame = tables(tmp_path)["ablation_contrasts"].set_index("variant")
    assert set(frame["against"]) == {"transitivity_ce"}
    assert list(frame.index) == ["transitivity_semantic", "transitivity_sampled", "transitivity_weighted"]
    row = frame.loc["transitivity_semantic"]
    assert (row["collapsed"], row["collapsed_against"], row["seeds"], row["n"]) == (
        "0/4",
        "4/4",
        ("0", "1", "2", "3"),
        492,
    )
    assert row["effect"] == "orders better, answers better (4 seeds)"
    assert sum(row["auroc_by_seed"]) / 4 == pytest.approx(row["auroc_difference"])
    measured = load(tmp_path).measured
    pooled = measured[(measured["suite"] == "corrected") & (measured["split"] == "headline")]
    means = pooled[pooled["task"] == "transitivity"].groupby("variant")[["balanced_accuracy", "auroc"]].mean()
    expected = means.loc["transitivity_semantic"] - means.loc["transitivity_ce"]
    for name, value in expected.items():
        assert row[f"{name}_difference"] == pytest.approx(value)
        assert row[f"{name}_difference_low"] < value < row[f"{name}_difference_high"]
    assert frame.loc["transitivity_weighted", "effect"] == "one seed: an anecdote"


def test_the_exact_semantic_loss_is_also_held_against_what_it_gives_away(tmp_path, make_run):
    linear, cosine = ({"_target_": f"schedulers.{name}", "start": 0.05} for name in ("Linear", "Cosine"))
    exact = {"_target_": "losses.ExactSemantic", "knowledge": "axioms_and_facts", "group_size": 3, "base": "answer"}
    runs = {
        "transitivity_ce": (PLAIN, linear),
        "transitivity_exact": (exact, linear),
        "transitivity_exact_cosine": (exact, cosine),
        "transitivity_deduced": (exact | {"knowledge": "deduced"}, linear),
        "transitivity_deduced_four": (exact | {"knowledge": "deduced", "group_size": 4}, linear),
    }
    training = {"data_fingerprint": "the same", "steps": 64}
    for variant, (loss, schedule) in runs.items():
        about = {"task": "transitivity", "loss": loss, "schedule": schedule, "training": training, "n": 40}
        make_run(tmp_path, variant, grid="ablation", **about)
    frame = tables(tmp_path)["ablation_contrasts"]
    found = {
        (row.variant.removeprefix("transitivity_"), row.against.removeprefix("transitivity_"))
        for row in frame.itertuples()
    }
    against_ce = {(name.removeprefix("transitivity_"), "ce") for name in runs if name != "transitivity_ce"}
    assert found == against_ce | {("exact", "deduced")}


def test_class_weights_and_the_semantic_term_are_also_held_against_the_loss_without_them(tmp_path, make_run):
    linear, cosine = ({"_target_": f"schedulers.{name}", "start": 0.05} for name in ("Linear", "Cosine"))
    weights = {"yes": 0.58, "no": 1.0}
    text = PLAIN | {"target": "sequence"}
    semantic = {"_target_": "losses.Semantic", "base": "sequence", "class_weights": None}
    runs = {
        "ce_of_text": (text, linear, "shuffled"),
        "ce_of_text_weighted": (text | {"class_weights": weights}, linear, "shuffled"),
        "ce_of_text_balanced": (text | {"class_weights": weights}, linear, "balanced"),
        "semantic_cosine": (semantic, cosine, "shuffled"),
        "semantic_linear_weighted": (semantic | {"class_weights": weights}, linear, "shuffled"),
    }
    for variant, (loss, schedule, sampler) in runs.items():
        training = {"data_fingerprint": "the same", "steps": 64}
        about = {"task": "transitivity", "loss": loss, "schedule": schedule, "data": {"sampler": sampler}, "n": 40}
        about |= {"training": training}
        make_run(tmp_path, f"transitivity_{variant}", grid="ablation", **about)
    frame = tables(tmp_path)["ablation_contrasts"]
    found = {
        (row.variant.removeprefix("transitivity_"), row.against.removeprefix("transitivity_"))
        for row in frame.itertuples()
    }
    assert found == {
        ("ce_of_text_weighted", "ce_of_text"),
        ("semantic_cosine", "ce_of_text"),
        # Not semantic_cosine: another schedule.
        ("semantic_linear_weighted", "ce_of_text_weighted"),
    }


def test_an_effect_is_named_by_what_may_be_named_and_otherwise_says_why():
    def said(answers, orders, seeds=3):
        return effect({"balanced_accuracy_word": answers, "auroc_word": orders}, seeds)

    assert said("higher", "undecided") == "answers better (3 seeds)"
    assert said("higher", "higher") == "orders better, answers better (3 seeds)"
    assert said("lower", "lower", 5) == "orders worse, answers worse (5 seeds)"
    assert said("undecided", "undecided") == "undecided (3 seeds)"
    assert said("undecided: seeds in two phases", "undecided") == "undecided: seeds in two phases (3 seeds)"
    assert said("one seed: an anecdote", "one seed: an anecdote", 1) == "one seed: an anecdote"
