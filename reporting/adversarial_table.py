"""Minimal pairs: two items that differ in one edit and have opposite answers, scored one by one and as pairs."""

import itertools

import numpy as np
import pandas as pd

from records.provenance import same_questions
from reporting.groups import GROUP, SETTING
from reporting.paired_table import OTHER_RECIPE, is_control, other_recipe
from reporting.results import Results
from reporting.run import Run
from reporting.table import Table
from scoring.blocks import PAIR
from scoring.intervals import clustered_bootstrap, holm, mcnemar_exact, proportion_interval
from scoring.pairs import FAMILY, BrokenPair, of_pairs, pair_scores

# Texts that name a few things; a pair's name is its own.
NAMED = ("task", FAMILY).__contains__


def adversarial_table(results: Results) -> Table:
    """Accuracy and pair accuracy of every run by adversarial family, and over all families."""
    rows = []
    for run in results.runs:
        margins = run.margins("adversarial", ("task", "label", "margin", FAMILY, PAIR).__contains__, categories=NAMED)
        if margins is None:
            continue
        about = run.key | {"commit": run.commit, "seconds": run.seconds}
        for task, items in margins.groupby("task", sort=False, observed=True):
            try:
                pairs = of_pairs(items)
            except BrokenPair as error:
                results.problems.append(f"{run.folder}: {error}")
                continue
            families = pairs.groupby(FAMILY, observed=True) if FAMILY in pairs else ()
            parts = [("all", pairs), *sorted(families, key=lambda named: named[0])]
            rows += [about | {"task": task, "family": family} | family_scores(part) for family, part in parts]
    scores = ["accuracy", "pair_accuracy"]
    columns = [
        "variant",
        "setting",
        "task",
        "family",
        *(f"{s}{side}" for s in scores for side in ("", "_low", "_high")),
    ]
    columns += ["flipped", "pairs", *GROUP, "seed", "n", "commit", "seconds"]
    frame = pd.DataFrame(rows, columns=columns)
    note = (
        "*pair accuracy*: both items of a minimal pair are right. *flipped*: the verdict differs between the two, "
        "rightly or wrongly. One row is one seed: an anecdote; intervals are over pairs. Any constant answer has accuracy 0.5 and pair accuracy 0; a fair coin 0.5 and 0.25."
    )
    decimal = ("accuracy", "pair_accuracy", "flipped")
    means = {"means_by": (*SETTING, "task", "family"), "averaged": (*scores, "flipped", "pairs")}
    return Table("adversarial", "Adversarial minimal pairs by family", note, frame, decimal=decimal, **means)


def family_scores(pairs: pd.DataFrame) -> dict:
    """Accuracy, with an interval that keeps pairs together, and `scoring.pairs.pair_scores`, intervals as bounds.

    pairs: rows of `scoring.pairs.of_pairs`.
    """
    right = pairs["right"].to_numpy()
    correct = np.concatenate([right >= 1, right == 2])  # of a pair's two questions, whichever was right first
    found = {"n": len(correct), "accuracy": correct.mean()} | pair_scores(pairs)
    bounds = {"accuracy": proportion_interval(correct, np.tile(np.arange(len(pairs)), 2))}
    bounds["pair_accuracy"] = found.pop("pair_accuracy_interval")
    for name, interval in bounds.items():
        found[f"{name}_low"], found[f"{name}_high"] = interval or (None, None)
    return found


def adversarial_contrasts(results: Results) -> Table:
    """Two runs of one seed on the minimal pairs, pair by pair: semantic against plain cross-entropy."""
    rows = []
    for group, runs in results.groups():
        for run, control in itertools.product(runs, runs):
            if is_control(control, run) and (found := _by_pair(results, run, control)) is not None:
                about = {"variant": run.name, "against": control.name, "task": run.settings.task}
                about |= {"other_recipe": other_recipe(run, control)}
                rows.append(about | group | {"seed": str(run.settings.seed)} | found)
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    columns = ["variant", "against", "task", "pair_accuracy", "pair_accuracy_against"]
    columns += [f"pair_accuracy_difference{end}" for end in ("", "_low", "_high")]
    columns += ["only_variant", "only_against", "p", "p_holm", "pairs", "other_recipe", *GROUP, "seed"]
    note = (
        "Same pairs, both questions right. One row is one seed: an anecdote, whatever its p. *only variant* counts the "
        "pairs that it alone answers. Exact McNemar over pairs, Holm over this table; the interval of the difference is "
        f"bootstrapped over pairs. {OTHER_RECIPE}"
    )
    decimal = ("pair_accuracy", "pair_accuracy_against", "pair_accuracy_difference")
    title = "Adversarial minimal pairs, two runs by pair"
    frame = pd.DataFrame(rows, columns=columns)
    return Table("adversarial_contrasts", title, note, frame, decimal=decimal, p_values=("p", "p_holm"))


def _by_pair(results: Results, run: Run, control: Run) -> dict | None:
    answered = []
    for one in (run, control):
        margins = one.margins("adversarial", ("task", "label", "margin", PAIR).__contains__, categories=NAMED)
        if margins is None:
            return None
        try:
            answered.append(of_pairs(margins[margins["task"] == run.settings.task])["right"] == 2)
        except BrokenPair as error:
            results.problems.append(f"{one.folder}: {error}")
            return None
    ours, theirs = answered
    if not len(ours) or not ours.index.sort_values().equals(theirs.index.sort_values()):
        return None
    asked = (one.asked.get("adversarial") for one in (run, control))
    if same_questions(*asked, run.settings.task) is False:
        results.problems.append(
            f"{run.folder}: not compared with {control.folder}: their minimal pairs have the same names and are other questions"
        )
        return None
    theirs = theirs.reindex(ours.index)
    test = mcnemar_exact(ours, theirs)
    # In the precision of the weights, in which sums of so many whole numbers are exact; every resample is as large.
    gained = ours.to_numpy(np.float32) - theirs.to_numpy(np.float32)
    mean = clustered_bootstrap(lambda weights: {"mean": (weights @ gained).astype(float) / len(gained)}, len(gained))
    low, high = mean["mean"] or (None, None)
    return {
        "pair_accuracy": ours.mean(),
        "pair_accuracy_against": theirs.mean(),
        "pair_accuracy_difference": gained.mean(dtype=float),
        "pair_accuracy_difference_low": low,
        "pair_accuracy_difference_high": high,
        "only_variant": test["only_a"],
        "only_against": test["only_b"],
        "p": test["p"],
        "pairs": test["items"],
    }
