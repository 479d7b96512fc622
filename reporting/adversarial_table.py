"""Minimal pairs: two items that differ in one edit and have opposite answers, scored one by one and as pairs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reporting.results import GROUP, SETTING, TASKS, Results, ResultsError
from reporting.table import Table
from scoring.intervals import wilson

FAMILY, PAIR = "stratum/family", "stratum/pair"


def adversarial_table(results: Results) -> Table:
    """Accuracy and pair accuracy of every run by adversarial family, and over all families."""
    rows = []
    for run in results.runs:
        margins = run.margins("adversarial", ("task", "label", "margin", FAMILY, PAIR).__contains__)
        if margins is None:
            continue
        pair, names = pd.factorize(margins[PAIR])
        margins = margins.assign(**{PAIR: pair})  # numbers are told apart faster
        about = run.key | {"commit": run.info.get("commit"), "seconds": run.seconds}
        for task, items in margins.groupby("task", sort=False):
            parts = [("all", items), *items.groupby(FAMILY, sort=True)]
            try:
                rows += [about | {"task": task, "family": family} | pair_scores(part, names) for family, part in parts]
            except ResultsError as error:
                results.problems.append(f"{run.folder}: {error}")
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
        "rightly or wrongly. Any constant answer has accuracy 0.5 and pair accuracy 0; a fair coin 0.5 and 0.25."
    )
    shortcut = [(task, results.local_features(task, "adversarial")) for task in TASKS]
    note += "".join(f" *local features* (shortcuts.md) on {task}: {score:.3f}." for task, score in shortcut if score)
    decimal = ("accuracy", "pair_accuracy", "flipped")
    means = {"means_by": (*SETTING, "task", "family"), "averaged": (*scores, "flipped", "pairs")}
    return Table("adversarial", "Adversarial minimal pairs by family", note, frame, decimal=decimal, **means)


def pair_scores(items: pd.DataFrame, names: Sequence[str] | None = None) -> dict:
    """Accuracy, pair accuracy (Wilson intervals) and flips of items with columns label, margin and the pair.

    Args:
        names: the names of the pairs, where the column holds their numbers.
    Raises:
        ResultsError: a pair that does not consist of one Yes and one No item.
    """
    label = items["label"].to_numpy(dtype=bool)
    verdict = items["margin"].to_numpy() >= 0
    correct = verdict == label
    pair, pairs = pd.factorize(items[PAIR])

    def of_its_two(answers: np.ndarray) -> np.ndarray:
        return np.bincount(pair[answers], minlength=len(pairs))

    broken = pairs[(np.bincount(pair) != 2) | (of_its_two(label) != 1)]
    if len(broken):
        name = min(broken if names is None else (names[number] for number in broken))
        raise ResultsError(f"adversarial pair {name}: expected one Yes and one No item ({len(broken)} such pairs)")
    both = of_its_two(correct) == 2
    accuracy = wilson(int(correct.sum()), len(correct))
    pair_accuracy = wilson(int(both.sum()), len(both))
    return {
        "n": len(correct),
        "pairs": len(both),
        "accuracy": correct.mean(),
        "accuracy_low": accuracy[0],
        "accuracy_high": accuracy[1],
        "pair_accuracy": both.mean(),
        "pair_accuracy_low": pair_accuracy[0],
        "pair_accuracy_high": pair_accuracy[1],
        "flipped": (of_its_two(verdict) == 1).mean(),
    }
