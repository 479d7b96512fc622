"""Tables from synthetic run folders: the numbers and the baselines."""

import json
import shutil

import pandas as pd
import pytest
import yaml

from reporting import tables
from reporting.adversarial_table import adversarial_contrasts, adversarial_table, family_scores
from reporting.collapse_tables import judged_rows
from reporting.explain import explain
from reporting.published import load_published
from reporting.report import build_tables
from reporting.results import load
from reporting.suite_tables import constant_answer
from reporting.table import Table, percentage
from scoring.pairs import BrokenPair, of_pairs

SUITES = ["length", "branching", "reversed", "shuffled", "long_names"]


def cell(frame, column, **keys):
    rows = frame[(frame[list(keys)] == pd.Series(keys)).all(axis=1)]
    assert len(rows) == 1, f"{len(rows)} rows for {keys}"
    return rows[column].iloc[0]


def test_constant_answers_on_the_papers_labels(made):
    """Always-No scores (0 + 98.04 + 97.74 + 99.85 + 65.64) / 5 = 72.3 %, above the paper's semantic model."""
    frame = made["table1_accuracy"]
    mean = lambda name: 100 * cell(frame, "mean", variant=name, suites="paper's own")  # noqa: E731
    assert mean("always No") == pytest.approx((0 + 98.04 + 97.74 + 99.85 + 65.64) / 5)
    assert mean("always Yes") == pytest.approx(100 - mean("always No"))
    # 63.2 % Yes in transitivity training, 11.7 % in d-separation training: Yes on four suites, No on branching.
    assert mean("training majority") == pytest.approx((100 + 98.04 + 2.26 + 0.15 + 34.36) / 5)
    assert mean("always No") > mean("transitivity_semantic")


def test_published_accuracies_follow_from_the_published_counts(made):
    frame, printed = made["table1_accuracy"], load_published().accuracy.set_index("variant")
    for variant in printed.index.drop("dseparation_semantic"):
        for column in [*SUITES, "mean"]:
            value = 100 * cell(frame, column, variant=variant, source="published")
            assert value == pytest.approx(printed.loc[variant, column], abs=0.051), (variant, column)
    assert cell(frame, "mean", variant="dseparation_semantic", source="published") == pytest.approx(0.686)
    assert cell(frame, "adversarial", variant="transitivity_ce", source="published") == pytest.approx(0.708)


def test_measured_accuracy_is_recomputed_from_the_margins(five_variants, made):
    (folder,) = five_variants.glob("runs/tiny/dseparation_semantic/*/seed0")
    for suite, protocol in (("published", "released"), ("corrected", "corrected")):
        margins = pd.read_parquet(folder / "evaluation" / suite / "margins.parquet")
        correct = (margins["margin"] >= 0) == margins["label"]
        scores = []
        for split in SUITES:
            task = "dseparation" if split == "branching" else "transitivity"
            scores.append(correct[(margins["split"] == split) & (margins["task"] == task)].mean())
            keys = dict(variant="dseparation_semantic", source="measured", suites=protocol)
            assert cell(made["table1_accuracy"], split, **keys) == pytest.approx(scores[-1])
        assert cell(made["table1_accuracy"], "mean", **keys) == pytest.approx(sum(scores) / 5)
        own = correct[margins["task"] == "dseparation"].mean()
        assert cell(made["table1_accuracy"], "own_task", **keys) == pytest.approx(own)


def test_corrected_suites_give_every_constant_answer_one_half(made):
    frame = made["table1_accuracy"]
    rows = frame[(frame["source"] == "baseline") & (frame["suites"] == "corrected")]
    assert rows["variant"].tolist() == ["always Yes", "always No", "training majority"]
    assert (rows[[*SUITES, "mean"]] == 0.5).all(axis=None)


def test_the_learned_shortcut_is_a_baseline_that_runs_are_held_against(made):
    judged = made["table4_collapse"]
    judged = judged[judged["seed"] == "0"].set_index("variant")
    assert judged["above_shortcut"].tolist() == (judged["over_yardstick_low"] > 0).tolist()
    assert judged.loc["transitivity_semantic", "above_shortcut"] and not judged.loc["dseparation_ce", "above_shortcut"]
    summary = made["summary"].query("variant == 'local features'")
    assert summary["task"].tolist() == ["transitivity", "dseparation"]
    by_split = made["table2_metrics_by_split"].query("split == 'headline' and task == 'dseparation'")
    assert set(by_split["trees_auroc"]) == {summary["auroc"].iloc[1]}
    assert summary["auroc"].between(0.55, 0.75).all() and summary["balanced_accuracy"].between(0.5, 0.7).all()


def test_seeds_are_averaged_below_their_rows_in_the_text_alone(five_variants, made):
    table = build_tables(load(five_variants))["table1_accuracy"]
    frame = table.frame[(table.frame["variant"] == "transitivity_semantic") & (table.frame["suites"] == "corrected")]
    assert frame["seed"].tolist() == ["0", "1"]
    shown = table.display()
    rows = shown[(shown["variant"] == "transitivity_semantic") & (shown["suites"] == "corrected")]
    assert rows["seed"].tolist() == ["0", "1", "mean of 2"]
    assert float(rows["mean %"].iloc[2]) == pytest.approx(100 * frame["mean"].mean(), abs=0.05)
    assert rows["seconds"].tolist() == ["73", "73", "145"]
    assert rows["commit"].tolist() == ["0123456789"] * 3


def test_prediction_table_shows_yes_rates_under_the_label_rates(made):
    frame = made["table3_predictions"]
    assert cell(frame, "long_names", variant="labels", suites="paper's own") == pytest.approx(0.3436)
    assert cell(frame, "length", variant="labels", suites="released") == 1
    assert cell(frame, "reversed", variant="transitivity_ce", source="published") == 1
    assert cell(frame, "branching", variant="transitivity_ce", suites="released", seed="0") == 1


def test_collapse_table_tells_threshold_from_knowledge(made):
    frame = made["table4_collapse"]
    frame = frame[frame["seed"] == "0"]
    found = {(r.variant, r.task): (r.collapsed, r.uninformative, r.verdict) for r in frame.itertuples()}
    assert found[("transitivity_ce", "transitivity")] == (True, True, "constant, orders answers well")
    assert found[("dseparation_ce", "dseparation")] == (True, True, "constant, does not order answers")
    assert found[("transitivity_semantic", "transitivity")] == (False, False, "follows paths")
    assert {task for variant, task in found if variant == "pretrained"} == {"transitivity", "dseparation"}
    rates = made["table4_collapse_rate"]
    assert cell(rates, "runs", variant="transitivity_ce") == cell(rates, "collapsed", variant="transitivity_ce") == 2
    assert cell(rates, "rate_low", variant="transitivity_ce") == pytest.approx(0.342, abs=0.001)


def test_uninformative_is_judged_on_all_corrected_suites(five_variants):
    """As collapse is: DESIGN 4. The headline alone may say otherwise."""
    measured = load(five_variants).measured
    own = (measured["suite"] == "corrected") & (measured["task"] == "transitivity")

    def judged(pooled, headline):
        rows = measured.copy()
        for split, bounds in (("pooled", pooled), ("headline", headline)):
            rows.loc[own & (rows["split"] == split), ["mcc", "mcc_low", "mcc_high"]] = (sum(bounds) / 2, *bounds)
        found = judged_rows(rows)
        return set(found.loc[found["task"] == "transitivity", "uninformative"])

    assert judged(pooled=(0.1, 0.3), headline=(-0.1, 0.1)) == {False}
    assert judged(pooled=(-0.1, 0.1), headline=(0.1, 0.3)) == {True}


def test_metrics_table_holds_the_paper_and_its_undefined_values(made):
    frame = made["table2_metrics"]
    keys = dict(variant="transitivity_ce", task="transitivity", suites="paper's own")
    assert pd.isna(cell(frame, "mcc", **keys)) and cell(frame, "balanced_accuracy", **keys) == 0.5
    assert pd.isna(cell(frame, "auroc", **keys))
    measured = frame[(frame["source"] == "measured") & (frame["seed"] == "0")]
    assert {"dseparation", "transitivity"} == set(measured["task"])
    defined = measured.dropna(subset="mcc")
    assert len(defined) and ((defined["mcc_low"] <= defined["mcc"]) & (defined["mcc"] <= defined["mcc_high"])).all()


def test_transfer_table_names_both_tasks(made):
    frame = made["transfer"]
    keys = dict(variant="dseparation_semantic", trained_task="dseparation")
    assert cell(frame, "balanced_accuracy", **keys, asked_task="dseparation") > 0.8
    assert cell(frame, "balanced_accuracy", **keys, asked_task="transitivity") < 0.65


def test_paired_tests_are_holm_corrected_over_the_table(tmp_path, make_run):
    """Two groups, of one and of two tests."""
    for variant in ("transitivity_ce", "transitivity_semantic", "dseparation_ce", "dseparation_semantic"):
        make_run(tmp_path, variant)
        if variant.startswith("transitivity"):
            make_run(tmp_path, variant, protocol="released")
    frame = tables(tmp_path)["paired_tests"]
    assert (frame["p_holm"] / frame["p"]).max() == pytest.approx(3)


def test_paired_tests_count_the_discordant_questions(made):
    frame = made["paired_tests"]
    assert sorted(frame["variant"]) == ["dseparation_semantic", "transitivity_semantic", "transitivity_semantic"]
    assert (frame["p_holm"] >= frame["p"]).all() and (frame["p_holm"] < 0.001).all()
    discordant = frame["only_variant"] - frame["only_against"]
    assert (discordant / frame["n"]).tolist() == pytest.approx((frame["accuracy"] - frame["accuracy_against"]).tolist())
    difference = frame["balanced_accuracy_difference"]
    assert (frame["balanced_accuracy_difference_low"] <= difference).all()
    assert (difference <= frame["balanced_accuracy_difference_high"]).all()


def test_the_semantic_loss_is_held_against_both_cross_entropies(tmp_path, make_run):
    for variant in ("transitivity_ce", "transitivity_answer_ce", "transitivity_semantic", "dseparation_answer_ce"):
        make_run(tmp_path, variant, n=40, task=variant.split("_")[0])
    made = tables(tmp_path)
    pairs = made["paired_tests"][["variant", "against"]].values.tolist()
    assert pairs == [["transitivity_semantic", against] for against in ("transitivity_ce", "transitivity_answer_ce")]
    essential = made["claims"].set_index("id").loc["C8", "measured"]
    assert "transitivity_semantic against transitivity_ce, " in essential
    assert "transitivity_semantic against transitivity_answer_ce, " in essential
    # what the rule asks about
    shares = made["table4_collapse"].set_index(["variant", "task"])["majority_share"]
    near = {name: percentage(shares[f"{name}_answer_ce", name]) for name in ("transitivity", "dseparation")}
    assert essential.startswith(
        "; ".join(
            f"{name}_answer_ce collapsed in 0 of 1 runs [0.0, 79.3 %], one answer {share} %"
            for name, share in near.items()
        )
        + "; "
    )
    assert "dseparation_semantic" not in essential and "mean" not in essential  # not measured; one seed


def test_a_comparison_of_more_than_the_loss_says_what_else_differs(tmp_path, make_run):
    for variant in ("transitivity_ce", "transitivity_answer_ce", "transitivity_semantic"):
        folder = make_run(tmp_path, variant, n=40, task="transitivity")
        config = yaml.safe_load((folder / "config.yaml").read_text())
        if variant == "transitivity_ce":
            config["training"]["learning_rate"] = 0.1
            config["lora"] = {"rank": 2}
        config["training"]["log_every"] = len(variant)  # changes no outcome
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
    made = tables(tmp_path)
    for name in ("paired_tests", "adversarial_contrasts"):
        assert made[name].set_index("against")["other_recipe"].to_dict() == {
            "transitivity_ce": "rank, learning rate", "transitivity_answer_ce": "",
        }  # fmt: skip
    essential = made["claims"].set_index("id").loc["C8", "measured"]
    assert essential.count("of another recipe too") == 1 and "against transitivity_ce, of another" in essential


def test_suites_answered_in_full_stand_beside_the_small_ones(tmp_path, make_run):
    """They count for C7 and change nothing that runs are compared on."""
    few, many = tmp_path / "few", tmp_path / "many"
    for variant in ("transitivity_ce", "transitivity_semantic"):
        folder = make_run(few, variant, n=40)
    before = tables(few)
    full = folder / "evaluation/published_in_full"
    shutil.copytree(make_run(many, "transitivity_semantic", n=60) / "evaluation/published", full)
    report = json.loads((full / "metrics.json").read_text())
    (full / "metrics.json").write_text(json.dumps(report | {"suite": full.name}))

    made = tables(few)
    frame = made["table1_accuracy"]
    own = {"variant": "transitivity_semantic", "source": "measured"}
    measured = tables(many)["table1_accuracy"]
    assert cell(frame, "n", **own, suites="released") == 200
    assert cell(frame, "n", **own, suites="released in full") == 300
    assert cell(frame, "mean", **own, suites="released in full") == cell(measured, "mean", **own, suites="released")
    labels = {"variant": "always No", "suites": "released in full", "samples": 100}
    assert cell(frame, "length", **labels) == 0 and cell(frame, "mean", **labels) > 0.7
    assert made["claims"].set_index("id").loc["C7", "measured"] == "500 answers by 2 of the five variants"
    pd.testing.assert_frame_equal(made["summary"], before["summary"])
    (folder := few / "tables").mkdir()
    frame.to_csv(folder / "table1_accuracy.csv", index=False)
    row = frame.index[(frame["suites"] == "released in full") & (frame["source"] == "measured")][0] + 1
    said = explain(few, f"table1_accuracy:{row}:mean")
    assert "scored     published_in_full:" in said and "scored     published:" not in said


def test_a_suite_of_pairs_without_families_has_one_row_and_one_without_pairs_a_problem(tmp_path, make_run):
    path = make_run(tmp_path, "transitivity_ce", n=40) / "evaluation/adversarial/margins.parquet"
    make_run(tmp_path, "transitivity_semantic", n=40)
    margins = pd.read_parquet(path)
    results = load(tmp_path)
    margins.drop(columns="stratum/family").to_parquet(path)
    rows = adversarial_table(results).frame
    assert set(rows.loc[rows["variant"] == "transitivity_ce", "family"]) == {"all"} and results.problems == []
    margins.drop(columns="stratum/pair").to_parquet(path)
    rows = pd.concat([adversarial_table(results).frame, adversarial_contrasts(results).frame])
    assert set(rows["variant"]) == {"transitivity_semantic"}
    assert {line.partition(": ")[2] for line in results.problems} == {
        "margins without the column stratum/pair, so of no minimal pairs"
    }


def test_pair_scores_hand_worked():
    items = pd.DataFrame(
        {
            "stratum/pair": ["a", "a", "b", "b", "c", "c", "d", "d"],
            "label": [True, False] * 4,
            "margin": [1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -2.0, -3.0],  # right, stuck on Yes, reversed, stuck on No
        }
    )
    scores = family_scores(of_pairs(items))
    assert (scores["n"], scores["pairs"]) == (8, 4)
    assert (scores["accuracy"], scores["pair_accuracy"], scores["flipped"]) == (0.5, 0.25, 0.5)
    with pytest.raises(BrokenPair, match="pair b: expected one Yes and one No"):
        of_pairs(items.drop(index=2))


def test_constant_answer_leaves_unknown_suites_open():
    shares = pd.Series({"length": 1.0, "branching": None, "reversed": 0.2, "shuffled": 0.0, "long_names": 0.5})
    scores = constant_answer(shares, {"transitivity": False, "dseparation": True})
    assert scores == {
        "length": 0.0, "branching": None, "reversed": 0.8, "shuffled": 1.0, "long_names": 0.5, "mean": None
    }  # fmt: skip


def test_seed_mean_stays_empty_where_a_seed_is_undefined():
    frame = pd.DataFrame({"variant": "v", "seed": ["0", "1"], "mcc": [0.5, None], "auroc": [0.6, 0.8], "seconds": 1.0})
    table = Table("t", "T", "", frame, decimal=("mcc", "auroc"), means_by=("variant",), averaged=("mcc", "auroc"))
    assert table.display().iloc[-1].tolist() == ["v", "mean of 2", "–", "0.700", "2"]


def test_a_mean_of_three_seeds_has_their_interval():
    """Of 0.5, 0.6, 0.7 by hand: 0.6 -+ 4.303 * 0.1 / sqrt(3). Of two seeds, or where one has no value, none."""
    frame = pd.DataFrame({"variant": ["v"] * 3 + ["w"] * 2, "seed": ["0", "1", "2", "0", "1"]})
    frame = frame.assign(mcc=[0.5, 0.6, 0.7, 0.1, 0.3], mcc_low=0.0, mcc_high=1.0)
    frame = frame.assign(auroc=[0.5, None, 0.7, 0.1, 0.3], auroc_low=0.0, auroc_high=1.0)
    table = Table("t", "T", "", frame, decimal=("mcc", "auroc"), means_by=("variant",), averaged=("mcc", "auroc"))
    shown = table.display()
    means = shown[shown["seed"].str.startswith("mean")].to_numpy().tolist()
    assert means == [["v", "mean of 3", "0.600 [0.352, 0.848]", "–"], ["w", "mean of 2", "0.200", "0.200"]]


def test_formatting():
    frame = pd.DataFrame(
        {"share": [0.6275, 0.0015, None], "mcc": [0.5, -0.25, None], "mcc_low": [0.4, -0.5, None],
         "mcc_high": [0.6, 0.0, None], "p": [0.0004, 0.05, 1.0], "n": [10000, 5, None], "collapsed": [True, False, None]}
    )  # fmt: skip
    shown = Table("t", "T", "", frame, percent=("share",), decimal=("mcc",), p_values=("p",)).display()
    assert shown["share %"].tolist() == ["62.8", "0.2", "–"]
    assert shown["mcc"].tolist() == ["0.500 [0.400, 0.600]", "-0.250 [-0.500, 0.000]", "–"]
    assert shown["p"].tolist() == ["<0.001", "0.050", "1.000"]
    assert shown["n"].tolist() == ["10000", "5", "–"]
    several = Table("t", "T", "", pd.DataFrame({"by_seed": [(0.01, -0.004)], "seeds": [("0", "1")]}))
    assert several.display().iloc[0].tolist() == ["+0.010, -0.004", "0, 1"]
    assert several.csv() == "by_seed,seeds\n0.01 -0.004,0 1\n"
    assert shown["collapsed"].tolist() == ["yes", "no", "–"]
