"""Minimal pairs: two questions that differ in one edit and have opposite answers, scored as pairs."""

import numpy as np
import pandas as pd

from records.errors import UserError
from scoring.blocks import PAIR
from scoring.intervals import wilson


class BrokenPair(UserError, ValueError):
    """A minimal pair that is not one Yes and one No question; the message names it."""


def of_pairs(margins: pd.DataFrame) -> pd.DataFrame:
    """One row a pair, by its name: `both` (both questions are right) and `flipped` (the verdicts differ).

    Args:
        margins: columns label, margin and stratum/pair (texts or categories), every row a question of a pair.
    Raises:
        BrokenPair: a pair that does not consist of one Yes and one No question.
    """
    names, both, flipped = _of_pairs(margins)
    return pd.DataFrame({"both": both, "flipped": flipped}, index=pd.Index(names))


def _of_pairs(margins: pd.DataFrame) -> tuple[pd.Index | pd.Categorical, np.ndarray, np.ndarray]:
    pair, names = pd.factorize(margins[PAIR])
    label, verdict = margins["label"].to_numpy(dtype=bool), margins["margin"].to_numpy() >= 0

    def of_its_two(answers: np.ndarray) -> np.ndarray:
        return np.bincount(pair[answers], minlength=len(names))

    broken = names[(np.bincount(pair) != 2) | (of_its_two(label) != 1)]
    if len(broken):
        raise BrokenPair(
            f"adversarial pair {min(map(str, broken))}: expected one Yes and one No item ({len(broken)} such pairs)"
        )
    return names, of_its_two(label == verdict) == 2, of_its_two(verdict) == 1


def pair_scores(margins: pd.DataFrame) -> dict:
    """pairs, pair_accuracy (both questions right) with its Wilson interval, and flipped, the share of pairs whose
    verdicts differ. Args and errors as `of_pairs`."""
    _, both, flipped = _of_pairs(margins)
    return {
        "pairs": len(both),
        "pair_accuracy": float(both.mean()),
        "pair_accuracy_interval": list(wilson(int(both.sum()), len(both))),
        "flipped": float(flipped.mean()),
    }
