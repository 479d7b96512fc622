"""The ablation's two tables: what each loss reached, and what it changed."""

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
    judged = judged[(judged["suite"] == "corrected") & (judged["split"] == "pooled")]
    judged = judged[(judged["task"] == "transitivity") & (judged["variant"] == "transitivity_published")]
    assert row["balanced_accuracy"] == pytest.approx(judged["balanced_accuracy"].mean())


PLAIN = {"_target_": "losses.CrossEntropy", "target": "answer", "class_weights": None}


def test_losses_are_held_against_answer_cross_entropy_on_the_same_data(tmp_path, make_run):
    def ablated(variant, seed, loss=PLAIN, data=None, **training):
        training = {"data_fingerprint": f"data of seed {seed}", "steps": 64} | training
        about = {"task": "transitivity", "loss": loss, "data": data, "training": training, "n": 200}
        make_run(tmp_path, variant, seed, grid="ablation", **about)

    for seed in (0, 1):
        ablated("transitivity_ce", seed)  # says Yes to everything, and knows
        ablated("transitivity_semantic", seed, loss={"_target_": "losses.Semantic", "base": "answer"})  # knows more
    weighted = PLAIN | {"class_weights": {"yes": 0.58, "no": 1.0}}
    ablated("transitivity_weighted", 0, loss=weighted)
    ablated("transitivity_sampled", 0, data={"sampler": "balanced"})
    ablated("transitivity_other_data", 0, loss=weighted, data_fingerprint="other")
    frame = tables(tmp_path)["ablation_contrasts"].set_index("variant")
    assert set(frame["against"]) == {"transitivity_ce"}
    assert list(frame.index) == ["transitivity_semantic", "transitivity_sampled", "transitivity_weighted"]
    row = frame.loc["transitivity_semantic"]
    assert (row["collapsed"], row["collapsed_against"], row["seeds"], row["n"]) == ("0/2", "2/2", ("0", "1"), 1000)
    assert row["effect"] == "knows more, answers better (2 seeds)"
    assert sum(row["auroc_by_seed"]) / 2 == pytest.approx(row["auroc_difference"])
    measured = load(tmp_path).measured
    pooled = measured[(measured["suite"] == "corrected") & (measured["split"] == "pooled")]
    means = pooled[pooled["task"] == "transitivity"].groupby("variant")[["balanced_accuracy", "auroc"]].mean()
    expected = means.loc["transitivity_semantic"] - means.loc["transitivity_ce"]
    for name, value in expected.items():
        assert row[f"{name}_difference"] == pytest.approx(value)
        assert row[f"{name}_difference_low"] < value < row[f"{name}_difference_high"]
    assert frame.loc["transitivity_weighted", "effect"].endswith("(1 seed)")


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


def test_an_effect_needs_the_interval_and_every_seed():
    def found(answers, knows, by_seed=(0.1, 0.1)):
        ends = {
            name: {"better": [0.01, 0.2], "open": [-0.1, 0.1], "worse": [-0.2, -0.01]}[name]
            for name in (answers, knows)
        }
        intervals = {"balanced_accuracy_difference_interval": ends[answers], "auroc_difference_interval": ends[knows]}
        signs = {"better": 1, "open": 0, "worse": -1}
        answered = [signs[answers] * value for value in by_seed]
        return intervals | {
            "balanced_accuracy_differences": answered,
            "auroc_differences": [signs[knows] * 0.1] * len(by_seed),
        }

    assert effect(found("better", "open")) == "answers better (2 seeds)"
    assert effect(found("better", "better")) == "knows more, answers better (2 seeds)"
    assert effect(found("open", "open")) == "undecided (2 seeds)"
    assert effect(found("worse", "better")) == "knows more, answers worse (2 seeds)"
    assert effect(found("worse", "worse", [0.1])) == "knows less, answers worse (1 seed)"
    assert effect(found("better", "open", (0.3, -0.1))) == "undecided (2 seeds)", "the seeds disagree"
