"""Minimal pairs: two questions that differ in one edit and have opposite answers, scored as pairs."""

import numpy as np
import pandas as pd

from input_output.errors import UserError
from scoring.blocks import PAIR
from scoring.intervals import wilson

FAMILY = "stratum/family"


class BrokenPair(UserError, ValueError):
    """Questions that are in no pairs, or a minimal pair that is not one Yes and one No question; the message names it."""


def of_pairs(margins: pd.DataFrame) -> pd.DataFrame:
    """One row a pair, by its name: `right` (how many of its two questions are), `flipped` (the verdicts differ), and
    stratum/family where the margins have it.

    Args:
        margins: columns label, margin and stratum/pair, every row a question of a pair; split, if there are several, which
            may name their pairs alike.
    Raises:
        BrokenPair: no column stratum/pair; a pair that does not consist of one Yes and one No question.
    """
    if PAIR not in margins:
        raise BrokenPair(f"margins without the column {PAIR}, so of no minimal pairs")
    named = margins[PAIR].astype(str)
    if "split" in margins and margins["split"].nunique() > 1:
        named = margins["split"].astype(str) + "/" + named
    pair, names = pd.factorize(named)
    label, verdict = margins["label"].to_numpy(dtype=bool), margins["margin"].to_numpy() >= 0

    def of_its_two(answers: np.ndarray) -> np.ndarray:
        return np.bincount(pair[answers], minlength=len(names))

    broken = names[(np.bincount(pair) != 2) | (of_its_two(label) != 1)]
    if len(broken):
        raise BrokenPair(f"pair {min(broken)}: expected one Yes and one No item ({len(broken)} such pairs)")
    found = {"right": of_its_two(label == verdict), "flipped": of_its_two(verdict) == 1}
    if FAMILY in margins:
        a_question = np.empty(len(names), dtype=int)
        a_question[pair] = np.arange(len(pair))
        found[FAMILY] = margins[FAMILY].array[a_question]
    return pd.DataFrame(found, index=pd.Index(names))


def pair_scores(pairs: pd.DataFrame) -> dict:
    """pairs, pair_accuracy (both questions right) with its Wilson interval, and flipped, the share of pairs whose
    verdicts differ. pairs: rows of `of_pairs`."""
    both, flipped = (pairs["right"] == 2).to_numpy(), pairs["flipped"].to_numpy()
    return {
        "pairs": len(both),
        "pair_accuracy": float(both.mean()),
        "pair_accuracy_interval": list(wilson(int(both.sum()), len(both))),
        "flipped": float(flipped.mean()),
    }
