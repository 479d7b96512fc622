"""Rows of metrics.json: headline apart from seen structure, yardsticks on the same questions, old files scored again."""

import json

import numpy as np
import pandas as pd
import pytest

from causal_tasks.graphs import CausalGraph
from causal_tasks.questions import Question
from causal_tasks.suites import build
from input_output.reading import read_json
from input_output.writing import write_json, write_parquet
from records.provenance import fingerprint
from records.scored_suite import ScoredSuite
from scoring.again import score_again
from scoring.evaluation import build_suite, margins_table
from scoring.rows import SCORER_VERSION, metrics_rows, thresholds_for, tuned_thresholds
from scoring.ways import Way
from scoring.yardsticks import (
    COLUMN,
    UNTRAINED,
    given_between,
    given_colliders,
    held_against,
    order_of_telling,
    passing_names,
    two_deep,
    untrained_count,
    whole_pairs,
    yardstick_scores,
)

SPLITS = ("in_distribution", "length", "branching")


def scored(task="transitivity", splits=SPLITS, n=64, k=4, seed=0):
    """A margins table of a model that knows a little, with the yardsticks that need no training, and its fingerprints."""
    rng, tables, prints = np.random.default_rng(seed), [], {}
    for split in splits:
        items = build(task, "corrected", split, n, 0, k)
        table = margins_table(items, np.zeros(n), task, "corrected", split)
        table["margin"] = table["label"] - 0.5 + rng.normal(size=n)
        found = yardstick_scores(items, task, 0)
        tables.append(table.assign(**{f"{COLUMN}{name}": values for name, values in found.items()}))
        prints[f"{task}/{split}"] = fingerprint(items)
    return pd.concat(tables, ignore_index=True), prints


def test_headline_and_seen_structure_have_rows_of_their_own():
    table, _ = scored()
    rows = {row["split"]: row for row in metrics_rows(table, resamples=50)}
    assert list(rows) == [*SPLITS, "pooled", "headline", "seen"]
    unseen = table["split"].isin(("length", "branching"))
    assert rows["headline"]["n"] == (unseen & (table["stratum/distance"] >= 2)).sum() < unseen.sum()
    assert (
        rows["seen"]["n"] == 64
        and rows["pooled"]["n"] == 192
        and rows["pooled"]["blocks"] == table["block"].nunique() > 10
    )
    json.dumps(list(rows.values()), allow_nan=False)


def test_pairs_are_scored_as_pairs():
    table, _ = scored(splits=("adversarial",), n=40, k=1)
    (row,) = metrics_rows(table, resamples=50)
    assert row["pairs"] == row["blocks"] == 20
    low, high = row["pair_accuracy_interval"]
    assert low < row["pair_accuracy"] < high
    perfect = table.assign(margin=table["label"] - 0.5)
    assert (
        metrics_rows(perfect, resamples=0)[0]["pair_accuracy"] == metrics_rows(perfect, resamples=0)[0]["flipped"] == 1
    )


def test_the_counts_by_hand():
    chain = CausalGraph((("A", "B"), ("B", "C"), ("D", "C")))
    assert untrained_count(chain, Question("transitivity", "A", "C")) == 0
    assert untrained_count(chain, Question("transitivity", "A", "B")) == 1 - 1
    assert untrained_count(chain, Question("transitivity", "B", "A")) == -1 - 1
    assert given_colliders(chain, Question("dseparation", "A", "D", ("C",))) == -1
    assert given_colliders(chain, Question("dseparation", "A", "D", ("B",))) == 0
    assert given_colliders(chain, Question("dseparation", "C", "D", ())) == -1


def test_what_reads_more_than_counts_by_hand():
    def asked(yardstick, graph, pairs):
        return [yardstick(graph, Question("transitivity", *pair)) for pair in pairs]

    told_along = CausalGraph((("A", "B"), ("B", "C"), ("C", "D"), ("E", "F")))
    against = CausalGraph(told_along.edges[2::-1])
    assert asked(order_of_telling, told_along, ("AD", "DA", "AF")) == [2.5, -2.5, 2.5]
    assert asked(order_of_telling, against, ("AD", "DA")) == [1.5, -1.5]  # C, D, B, A are named in that order
    assert asked(two_deep, told_along, ("AD", "AC", "BD", "AB", "CD", "DA", "AF")) == [1, 1, 1, 0, 0, 0, 0]
    forked = CausalGraph((*told_along.edges, ("F", "G")))
    assert asked(two_deep, forked, ["AG"]) == [1]  # and no path joins them
    assert asked(passing_names, told_along, ["AD"]) == [2 / 6] and asked(passing_names, forked, ["AD"]) == [3 / 7]

    def between(graph, source, target, *given):
        return given_between(graph, Question("dseparation", source, target, given))

    assert between(told_along, "A", "C", "B") == between(told_along, "C", "A", "B") == 1
    assert between(told_along, "A", "B", "C") == between(told_along, "A", "C") == 0
    assert between(CausalGraph((("A", "B"), ("C", "B"), ("D", "C"))), "A", "C", "B") == 0  # two stated causes


def test_pairs_are_answered_whole_at_the_best_threshold():
    table = pd.DataFrame({"split": "adversarial", "stratum/pair": [*"aabbccdd"], "label": [True, False] * 4})
    scores = np.array([3, 1, 4, 3, 1, 2, 2, 2])
    # at 2: a; at 3: a; at 4: b; c is turned round, d has one score
    assert whole_pairs(table, scores) == 1 / 4
    assert whole_pairs(table, -scores) == 1 / 4  # c, at -1
    assert whole_pairs(table, table["label"].to_numpy()) == 1
    (row,) = metrics_rows(scored(splits=("adversarial",), n=40, k=1)[0], resamples=0)
    assert (
        0.4 < row["yardstick_pair_accuracy"] <= 1
        and "yardstick_pair_accuracy" not in metrics_rows(scored()[0], resamples=0)[0]
    )


def test_a_run_is_held_against_the_best_yardstick_on_the_same_questions():
    table, _ = scored()
    found = held_against(table, resamples=200)
    aurocs = [found[f"yardstick_{one.__name__}_auroc"] for one in UNTRAINED["transitivity"]]
    assert found[f"yardstick_{found['yardstick']}_auroc"] == max(aurocs)
    own = metrics_rows(table, resamples=0)[-3]
    assert own["split"] == "pooled" and found["over_yardstick"] == pytest.approx(own["auroc"] - max(aurocs))
    perfect = held_against(table.assign(margin=table["label"] - 0.5), resamples=200)
    assert perfect["over_yardstick_interval"][0] > 0
    equal = held_against(table.assign(margin=table[f"{COLUMN}{found['yardstick']}"]), resamples=200)
    assert equal["over_yardstick"] == 0 and equal["over_yardstick_interval"] == [0, 0]
    assert held_against(table.drop(columns=[c for c in table if c.startswith(COLUMN)]), 200) == {}


def test_the_learned_yardstick_orders_training_like_questions():
    items = build("transitivity", "corrected", "in_distribution", 200, 0, 4)
    scores = yardstick_scores(items, "transitivity", 400)["local_features"]
    labels = np.array([question.label for item in items for question in item.questions])
    assert scores.shape == (200,) and scores[labels].mean() > scores[~labels].mean() + 1


def test_thresholds_are_tuned_only_where_blocks_are_enough():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"task": "transitivity", "label": np.arange(100) % 2 == 0, "margin": rng.normal(size=100) + 3})
    table["graph"] = [f"g{i // 2}" for i in range(100)]
    assert set(tuned_thresholds(table)) == {"transitivity"}
    assert tuned_thresholds(table[:-2]) == {}


def test_a_threshold_is_used_only_for_the_model_and_the_way_that_it_was_tuned_for(tmp_path):
    """Merged weights, a checkpoint, the text rule and another prompt have thresholds of their own, or none."""
    table = pd.DataFrame({"task": "transitivity", "label": np.arange(100) % 2 == 0, "graph": map(str, range(100))})
    plain, merged = (table.assign(margin=table["label"] + shift) for shift in (3.0, 7.0))
    write_parquet(ScoredSuite(tmp_path / "validation").margins, plain)
    others = [(Way(weights="merged_4bit"), None), (Way(verdict="text"), None), (Way(prompt="mine"), None), (Way(), 20)]
    assert [thresholds_for(tmp_path / way.folder("corrected", step), way, step) for way, step in others] == [None] * 4
    assert thresholds_for(tmp_path / "corrected", Way()) == {"transitivity": 3.5}
    assert thresholds_for(tmp_path / "published-without_a", Way(without="a")) == {"transitivity": 3.5}
    assert thresholds_for(tmp_path / "validation", Way()) == {}
    write_parquet(ScoredSuite(tmp_path / "validation-merged_4bit-step20").margins, merged)
    assert thresholds_for(tmp_path / "x", Way(weights="merged_4bit"), 20) == {"transitivity": 7.5}
    assert Way.recorded({"weights": "merged_4bit", "suite": "x", "step": 20}) == Way(weights="merged_4bit")


@pytest.mark.parametrize("scale", ["cpu", "paper"])
def test_the_large_scales_validate_on_enough_blocks_for_a_threshold(composed, scale):
    suite = composed(f"scale={scale}").suites.validation
    parts = build_suite(suite)
    tables = [margins_table(items, 0.0, task, suite.protocol, split) for (task, split), items in parts.items()]
    assert set(tuned_thresholds(pd.concat(tables))) == {"transitivity", "dseparation"}


@pytest.mark.parametrize("same_questions", [True, False])
def test_an_older_evaluation_is_scored_again_without_a_model(tmp_path, same_questions):
    table, prints = scored(n=32)
    old = table.drop(columns=["block", *(c for c in table if c.startswith(COLUMN))])
    folder = tmp_path / "evaluation" / "corrected"
    folder.mkdir(parents=True)
    old.to_parquet(folder / "margins.parquet")
    row = {"task": "transitivity", "split": "pooled", "graphs": 9, "shd_share": 0.25, "accuracy": 0.1}
    recorded = prints if same_questions else dict.fromkeys(prints, "other")
    report = {"suite": "corrected", "rows": [row], "data_fingerprint": recorded, "provenance": {"commit": "old"}}
    (folder / "metrics.json").write_text(json.dumps(report))
    assert score_again(folder, resamples=50, yardstick_questions=0)
    found = json.loads((folder / "metrics.json").read_text())
    assert (
        found["scorer"] == SCORER_VERSION
        and found["provenance"] == {"commit": "old"}
        and found["scored_again"]["commit"]
    )
    pooled = next(row for row in found["rows"] if row["split"] == "pooled")
    assert pooled["shd_share"] == 0.25 and pooled["accuracy"] != 0.1 and "graphs" not in pooled
    assert ("yardstick" in pooled) is same_questions
    expected = table if same_questions else table.drop(columns=[c for c in table if c.startswith(COLUMN)])
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / "margins.parquet"), expected, check_dtype=False, check_like=True
    )
    assert not score_again(folder), "it is of this scorer now"


def test_yardsticks_that_an_older_scorer_lacked_are_added_to_those_that_it_has(tmp_path):
    table, prints = scored(splits=("in_distribution", "length"), n=32)
    learned = table.assign(**{f"{COLUMN}local_features": np.linspace(0, 1, 64, dtype=np.float32)})
    old = learned.drop(columns=[f"{COLUMN}two_deep", f"{COLUMN}order_of_telling"])
    suite = ScoredSuite(tmp_path / "evaluation/corrected")
    write_parquet(suite.margins, old)
    report = {
        "suite": "corrected",
        "scorer": SCORER_VERSION - 1,
        "rows": [],
        "data_fingerprint": prints,
        "resamples": 20,
    }
    write_json(suite.metrics, report)
    assert score_again(suite.folder)
    pd.testing.assert_frame_equal(suite.read_margins(), learned, check_like=True, check_dtype=False)
    assert "yardstick_two_deep_auroc" in read_json(suite.metrics)["rows"][0]
