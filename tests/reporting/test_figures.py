"""Figures hold what they claim to; the errors page draws the right items."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.questions import Question, say_premise, say_question
from reporting import ablation_figure, margin_figures, suite_figures, training_figures
from reporting.errors import draw_errors
from reporting.graph_drawing import positions
from reporting.margin_figures import _accuracy
from reporting.published import load_published
from reporting.report import write_figures
from reporting.results import load
from reporting.run_files import ResultsError
from scoring.intervals import proportion_interval


@pytest.fixture(scope="module")
def results(five_variants):
    return load(five_variants)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_every_group_gets_its_figures(tmp_path, make_run):
    make_run(tmp_path, "transitivity_ce", n=40)
    make_run(tmp_path, "pretrained", n=40, scale="demo")
    from reporting import tables

    paths = write_figures(load(tmp_path), tables(tmp_path), tmp_path / "figures")
    names = {path.parent.name: set() for path in paths}
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        names[path.parent.name].add(path.stem)
    assert set(names) == {"tiny-demo-0-nothing", "tiny-smoke-100-corrected-k1"}
    untrained = {"accuracy_by_suite", "yes_rate_by_suite", "reliability", "margin_densities", "adversarial_pairs"}
    untrained |= {"difficulty_transitivity", "difficulty_dseparation"}
    assert names["tiny-demo-0-nothing"] == untrained
    assert {"loss_terms", "collapse_over_training", "difficulty_transitivity"} <= names["tiny-smoke-100-corrected-k1"]
    assert "constancy_and_knowledge" in names["tiny-smoke-100-corrected-k1"]
    assert "difficulty_dseparation" not in names["tiny-smoke-100-corrected-k1"]


def test_bars_of_difficulty_are_the_interval_of_the_tables():
    """Over blocks: eight questions of one block tell what one does; of a single block nothing is drawn."""
    right = np.repeat(np.random.default_rng(0).random(60) < 0.7, 8)
    table = pd.DataFrame({"stratum/x": "a", "correct": right, "block": np.arange(480) // 8})
    mean, (below, above) = _accuracy(table.assign(accuracy=(right + 1) / 2), "stratum/x", "a")
    low, high = proportion_interval(right, table["block"].to_numpy())
    assert mean == pytest.approx((right.mean() + 1) / 2)
    assert (below, above) == pytest.approx((right.mean() - low, high - right.mean()))
    assert _accuracy(table.assign(accuracy=right, block=0), "stratum/x", "a") == (right.mean(), None)


def test_points_of_difficulty_are_means_over_the_seeds_that_were_asked_the_same(tmp_path, make_run):
    for seed in range(3):
        make_run(tmp_path, "transitivity_semantic", seed, n=40)
    runs, problems = load(tmp_path).runs, []
    answers = [run.margins("corrected") for run in runs]
    correct = [(table["margin"] >= 0) == table["label"] for table in answers]
    table = margin_figures.corrected_margins(runs, problems)["transitivity_semantic"]
    assert np.allclose(table["accuracy"], np.mean(correct, axis=0)) and (correct[0] != correct[1]).mean() > 0
    assert table["correct"].equals(correct[0]) and not problems
    answers[1].assign(label=~answers[1]["label"]).to_parquet(runs[1].folder / "evaluation/corrected/margins.parquet")
    table = margin_figures.corrected_margins(runs, problems)["transitivity_semantic"]
    assert np.allclose(table["accuracy"], np.mean([correct[0], correct[2]], axis=0))
    assert len(problems) == 1 and problems[0].startswith(f"{runs[1].folder}: in no figure of difficulty")


def test_bars_are_the_mean_accuracy_over_seeds(results):
    ((group, _),) = results.groups()
    figure = suite_figures.accuracy_by_suite(results, group, load_published())
    measured = results.measured
    rows = measured[(measured["suite"] == "corrected") & (measured["task"] == "transitivity")]
    rows = rows[(rows["split"] == "reversed") & (rows["variant"] == "transitivity_semantic")]
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert len(rows) == 2 and np.isclose(heights, rows["accuracy"].mean()).any()
    paper = [line.get_ydata() for line in figure.axes[0].lines if line.get_label() == "paper"]
    assert any(np.isnan(heights[:-1]).all() and heights[-1] == pytest.approx(0.686) for heights in paper)


def test_the_interval_of_a_mean_over_suites_hand_worked():
    values = pd.DataFrame([dict.fromkeys(suite_figures.SUITES, 0.5) | {"mean": 0.5}])
    low = suite_figures._with_mean(values - 0.1, values)["mean"]
    assert low.tolist() == pytest.approx([0.5 - 0.1 / 5**0.5])
    assert suite_figures._with_mean(values + 0.1, values)["mean"].tolist() == pytest.approx([0.5 + 0.1 / 5**0.5])
    assert suite_figures._with_mean(values.assign(length=None), values)["mean"].isna().all()


def test_lambda_is_drawn_where_there_is_a_second_term(results):
    ((group, runs),) = results.groups()
    figure = training_figures.loss_terms(runs, group)
    with_lambda = [axis.get_ylabel() for axis in figure.axes].count("lambda")
    assert with_lambda == 2  # the two semantic variants


def test_every_look_at_the_probe_set_is_a_point(results):
    ((group, runs),) = results.groups()
    axis, _bar = training_figures.constancy_and_knowledge(runs, group).axes
    trained = [run for run in runs if run.log is not None]
    points = axis.collections[0].get_offsets()
    assert len(points) == sum(len(run.probes) for run in trained) == 8 * len(trained)
    assert np.allclose(points[:, 0], 1 - points[:, 1] / 2)
    assert [line.get_label() for line in axis.lines[:2]] == ["transitivity CE", "transitivity CE"]  # two seeds
    seeds = training_figures.constancy_and_knowledge(trained * 2, group).axes[0]  # more runs of as many variants
    assert [line.get_label() for line in seeds.lines[:2]] == ["transitivity CE", "transitivity CE"]
    others = [replace(run, setting=f"{number}") for number, run in enumerate(trained * 2)]
    many = training_figures.constancy_and_knowledge(others, group).axes[0]
    assert [line.get_label()[0] for line in many.lines[:-1]] == ["_"] * len(others)
    assert training_figures.constancy_and_knowledge([run for run in runs if run.log is None], group) is None


def test_reliability_bins_hand_worked():
    probability, share, size = margin_figures.reliability_bins(
        [False, True, True, True], np.log([0.25 / 0.75, 0.25 / 0.75, 9.0, 9.0]), bins=2
    )
    assert probability == pytest.approx([0.25, 0.9])
    assert share.tolist() == [0.5, 1.0] and size.tolist() == [2, 2]


def test_strata_with_many_values_become_ranges():
    table = pd.DataFrame({"stratum/edges": [*range(100), None], "margin": 0.0})
    coarse = margin_figures._coarse(table)["stratum/edges"]
    assert coarse.nunique() == margin_figures.MOST - 1
    assert pd.isna(coarse.iloc[-1]) and coarse.iloc[0] == 0
    assert (coarse.dropna() <= table["stratum/edges"].dropna()).all() and coarse.dropna().is_monotonic_increasing


def item(name, edges, questions):
    graph = CausalGraph(edges)
    asked = tuple(
        LabelledQuestion(f"{name}-{i}", say_question(question), label, question)
        for i, (question, label) in enumerate(questions)
    )
    return Item(name, say_premise(graph), asked, graph, "transitivity")


def test_phase_diagram_counts_collapsed_runs():
    group = {"model": "tiny", "scale": "demo", "samples": 100, "trained_on": "released-k1"}
    rows = [
        group
        | {"task": "transitivity", "loss": loss, "schedule": "Linear", "training_yes_share": share}
        | {"collapsed": collapsed, "runs": 2}
        for loss, shares in {"CrossEntropy": (0.1, 0.5, 0.9), "Semantic": (0.1, 0.5, 0.9), "Focal": (0.5,)}.items()
        for share, collapsed in zip(shares, (2, 0, 1), strict=False)
    ]
    (axis, _bar) = ablation_figure.collapse_phases(pd.DataFrame(rows), group).axes
    assert [text.get_text() for text in axis.texts] == ["2/2", "0/2", "1/2"] * 2
    assert [label.get_text() for label in axis.get_yticklabels()] == ["CrossEntropy", "Semantic"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["10 %", "50 %", "90 %"]
    assert ablation_figure.collapse_phases(pd.DataFrame(rows[:2]), group) is None
    other_schedule = rows[0] | {"schedule": "Cosine", "collapsed": 0}
    (axis, _bar) = ablation_figure.collapse_phases(pd.DataFrame([*rows, other_schedule]), group).axes
    assert axis.texts[0].get_text() == "2/2", "another schedule's run is not counted"
    more_questions = rows[0] | {"samples": 200, "collapsed": 0}
    (axis, _bar) = ablation_figure.collapse_phases(pd.DataFrame([*rows, more_questions]), group).axes
    assert axis.texts[0].get_text() == "2/2", "a longer run is not counted"


def test_learning_curves_join_runs_that_differ_in_questions_alone():
    group = {"scale": "demo", "model": "tiny", "trained_on": "corrected-k1"}
    about = group | {
        "task": "transitivity",
        "loss": "CrossEntropy",
        "schedule": "Linear",
        "yes_share": 0.632,
        "auroc": 0.7,
    }
    seen = ((1024, 0, 0.5), (1024, 1, 0.7), (2048, 0, 0.8))
    runs = [about | {"samples": n, "seed": seed, "balanced_accuracy": b} for n, seed, b in seen]
    runs.append(about | {"samples": 2048, "seed": 0, "balanced_accuracy": 0.9, "yes_share": 0.5})
    answers, knows = ablation_figure.learning_curves(pd.DataFrame(runs), group).axes
    first, second = answers.lines[:2]
    assert list(first.get_xdata()) == [1024, 2048] and list(first.get_ydata()) == [0.5, 0.8], "one seed, joined"
    assert list(second.get_xdata()) == [1024] and list(second.get_ydata()) == [0.7]
    assert [label.get_text() for label in knows.get_xticklabels()] == ["1,024", "2,048"]
    assert ablation_figure.learning_curves(pd.DataFrame(runs[:2]), group) is None


def test_differences_name_control_collapse_and_single_seeds():
    group = {"model": "tiny", "scale": "demo", "samples": 100, "trained_on": "corrected-k1"}
    ends = {f"{name}_difference{end}": value for name in ("balanced_accuracy", "auroc")
            for end, value in (("", 0.1), ("_low", 0.05), ("_high", 0.2))}  # fmt: skip
    about = (
        group
        | ends
        | {"task": "transitivity", "setting": "", "against": "transitivity_answer_ce", "collapsed_against": "1/1"}
    )
    rows = [
        about
        | {"variant": "transitivity_focal", "collapsed": "1/1", "seeds": ("0",), "balanced_accuracy_difference": 0.06},
        about
        | {"variant": "transitivity_margin", "collapsed": "0/2", "seeds": ("0", "1")}
        | {"balanced_accuracy_by_seed": (0.05, 0.15), "auroc_by_seed": (0.1, 0.1)},
    ]
    answers, knows = ablation_figure.differences(pd.DataFrame(rows), group).axes
    assert [label.get_text() for label in answers.get_yticklabels()] == [
        "margin  (collapsed 0/2, control 1/1)",
        "focal  (collapsed 1/1, control 1/1)",
    ]
    assert [text.get_text() for text in answers.texts] == ["against answer CE, transitivity"]
    seeds = [list(line.get_xdata()) for line in answers.lines if line.get_marker() == "o"]
    assert seeds == [[0.05, 0.15], [0.06]]
    points = [line for line in knows.lines if line.get_marker() == "o"]
    assert [point.get_markerfacecolor() == "white" for point in points] == [False, True]
    assert ablation_figure.differences(pd.DataFrame(rows), group | {"model": "other"}) is None


CHAIN = (("A", "B"), ("B", "C"))
ITEMS = [
    item("one", CHAIN, [(Question("transitivity", "A", "C"), True), (Question("transitivity", "C", "A"), False)]),
    item("two", CHAIN[:1] + (("C", "B"),), [(Question("transitivity", "A", "C"), False)]),
    item("round", CHAIN + (("C", "A"),), [(Question("transitivity", "A", "B"), True)]),
]
MARGINS = pd.DataFrame(
    {
        "id": ["one-0", "one-1", "two-0", "round-0"],
        "task": "transitivity",
        "split": "own",
        "label": [True, False, False, True],
        "margin": [4.0, 0.5, 3.0, -2.0],
        "stratum/pair": ["p", None, "p", None],
        "stratum/family": ["edge_reversed", None, "edge_reversed", None],
    }
)
PARTS = {("transitivity", "own"): ITEMS}


def test_errors_are_drawn_most_confident_first_and_pairs_after(tmp_path):
    page = draw_errors(MARGINS, PARTS, tmp_path, title="Errors of <a model>")
    names = sorted(path.name for path in tmp_path.glob("*.png"))
    assert names == ["001-error-two-0.png", "002-error-round-0.png", "003-error-one-1.png", "004-pair-one-0.png"]
    text = page.read_text()
    assert text.count("<figure>") == 4 and all(f'src="{name}"' in text for name in names)
    assert "Errors of &lt;a model&gt;" in text and "3 of 4 answers are wrong" in text
    assert "should flip the verdict, and does not" in text and "edge reversed" in text
    assert "label No, model says Yes (margin +3.00)" in text


def test_errors_count_limits_and_an_unknown_id_is_refused(tmp_path):
    draw_errors(MARGINS, PARTS, tmp_path / "few", count=1)
    assert len(list((tmp_path / "few").glob("*.png"))) == 2
    with pytest.raises(ResultsError, match="1 ids are of none of the items given, the first 'round-0'"):
        draw_errors(MARGINS, {("transitivity", "own"): ITEMS[:2]}, tmp_path / "none")


def test_questions_of_two_splits_may_have_one_id(tmp_path):
    """As two files of a folder that both number their lines."""
    other = item("one", (("X", "Y"),), [(Question("transitivity", "Y", "X"), False)])
    margins = MARGINS.assign(margin=[4.0, -0.5, -3.0, 2.0])
    margins = pd.concat([margins, MARGINS[:1].assign(split="other", label=False)])
    text = draw_errors(margins, PARTS | {("transitivity", "other"): [other]}, tmp_path).read_text()
    assert "X causes Y" in text and "A causes B" not in text


def test_an_item_without_a_graph_is_shown_as_text(tmp_path):
    odd = Item("odd", "A maybe causes B.", (LabelledQuestion("odd-0", "Does A cause B?", False, None),), None, "other")
    margins = pd.DataFrame({"id": ["odd-0"], "task": "other", "split": "own", "label": [False], "margin": [1.0]})
    text = draw_errors(margins, {("other", "own"): [odd]}, tmp_path).read_text()
    assert "A maybe causes B." in text and len(list(tmp_path.glob("*.png"))) == 1


def test_no_errors_is_an_empty_page(tmp_path):
    right = MARGINS.assign(margin=np.where(MARGINS["label"], 1.0, -1.0))
    assert "0 of 4 answers are wrong" in draw_errors(right, PARTS, tmp_path).read_text()
    assert not list(tmp_path.glob("*.png"))


def test_positions_put_causes_before_effects_and_never_two_nodes_in_one_place():
    chain = CausalGraph(tuple((f"n{i}", f"n{i + 1}") for i in range(14)))
    place = positions(chain)
    assert len(set(place.values())) == 15
    assert place["n0"][0] < place["n1"][0] < place["n7"][0]
    assert place["n8"][0] == place["n7"][0] and place["n8"][1] < place["n7"][1]  # the next row, turning back
