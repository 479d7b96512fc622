"""The law of lambda: hand-computed values, how far logs lie from it, and what the figure shows."""

import json

import numpy as np
import pytest
from matplotlib import pyplot

from reporting import tables
from reporting.groups import grouped
from reporting.lambda_law import law, runs_under_the_law
from reporting.lambda_law_figure import lambda_law
from reporting.published import load_published
from reporting.results import load

SEMANTIC = {"_target_": "losses.Semantic", "base": "released", "class_weights": None}
GROUP = {"model": "tiny", "scale": "smoke", "samples": 100, "trained_on": "released-k1"}


def write_log(folder, off=0.0, tokens=5, lines=40):
    """A log on the law from the fifth line on, `off` away from it; the first line alone names the turn's tokens."""
    written = []
    for k in range(1, lines + 1):
        weight = 0.05 + 0.25 * k / lines
        probability, cross_entropy = (float(value) for value in law(weight, tokens))
        if k < 5:
            probability, cross_entropy = 0.1 * k, 3.0 / k
        line = {
            "step": 10 * k,
            "progress": k / lines,
            "lambda": weight,
            "loss/cross_entropy": cross_entropy + off,
            "answer_probability": probability - off,
        }
        written.append(line | ({"turn_tokens": tokens} if k == 1 else {}))
    written.insert(3, {"step": 30, "progress": 3 / lines, "probe/auroc": 0.5})
    (folder / "training_log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in written))


@pytest.fixture
def results(tmp_path, make_run, make_unfinished_run):
    about = {"protocol": "released", "questions_per_graph": 1, "n": 20, "loss": SEMANTIC}
    write_log(make_run(tmp_path, "transitivity_semantic", **about), off=0.01)
    make_run(tmp_path, "transitivity_semantic", 1, **about)  # its log is from before p(answer) was logged
    weighted = about | {"loss": SEMANTIC | {"class_weights": {"yes": 7.5, "no": 1.0}}}
    write_log(make_run(tmp_path, "dseparation_semantic", **weighted))
    other = about | {"task": "transitivity", "loss": SEMANTIC | {"base": "answer"}}
    write_log(make_run(tmp_path, "transitivity_other", **other))
    write_log(make_unfinished_run(tmp_path, "transitivity_semantic", 2), tokens=6, lines=12)
    return tmp_path


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_law_at_known_lambda():
    probability, cross_entropy = law([0.0, 0.0627, 0.2, 0.2987])
    assert probability == pytest.approx([0, 0.0627 / 0.2627, 0.5, 0.5989], abs=1e-4)
    assert cross_entropy == pytest.approx([0, 0.0545, 0.2 * np.log(2), 0.1827], abs=1e-4)
    assert law(0.25, turn_tokens=4)[0] == 0.5


def test_the_releases_points_lie_on_the_law():
    points = load_published().lambda_law
    probability, cross_entropy = law(points["lambda"])
    assert np.abs(cross_entropy - points["cross_entropy"]).max() < 5e-4
    assert np.nanmax(np.abs(probability - points["consistency"])) < 1e-3


def test_deviation_is_that_of_the_last_quarter(results):
    frame = tables(results)["lambda_law"]
    assert frame["variant"].tolist() == [
        "release (T-V4)",
        "transitivity_semantic",
        "dseparation_semantic",
        "transitivity_semantic",
    ]
    ours = frame.iloc[1]
    assert ours["answer_probability_deviation"] == pytest.approx(0.01) == ours["cross_entropy_deviation"]
    assert (ours["points"], ours["logged_to_step"], ours["turn_tokens"], ours["seed"]) == (10, 400, 5, "0")
    # One law a label: no single deviation.
    assert frame.iloc[2].filter(like="deviation").isna().all()
    unfinished = frame.iloc[3]
    assert (unfinished["turn_tokens"], unfinished["points"], unfinished["seed"]) == (6, 3, "2")
    assert unfinished["cross_entropy_deviation"] == pytest.approx(0, abs=1e-12)
    release = frame.iloc[0]
    assert release["points"] == 3 and release["cross_entropy_deviation"] < 5e-4


def test_figure_holds_the_law_our_points_and_the_release(results):
    ((group, runs),) = grouped(runs_under_the_law(load(results)))
    assert group == GROUP and len(runs) == 3
    figure = lambda_law(runs, group, load_published())
    panels = [axis for axis in figure.axes if axis.get_xlabel()]
    assert len(panels) == 4, "the second seed of a variant has no row of its own"
    left, right = panels[:2]
    weights, probability = left.lines[0].get_data()
    assert probability == pytest.approx(weights / (weights + 0.2))
    ours, theirs = right.collections
    assert len(ours.get_offsets()) == 40 and len(theirs.get_offsets()) == 3
    assert ours.get_array().max() == 400 and len(left.collections[1].get_offsets()) == 1
    assert right.get_title() == "4 of 40 points lie above"
    labels = [text.get_text() for text in panels[2].get_legend().get_texts()]
    assert labels[:2] == ["law where the label is Yes, T = 5", "law where the label is No, T = 5"]
    assert lambda_law([], group, load_published()) is None
