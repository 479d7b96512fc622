"""The rows of metrics.json, from a margins table alone: no model, no torch."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from causal_tasks.headline import HEADLINE, POOLED, SEEN, SEEN_STRUCTURE
from records.scored_suite import ScoredSuite
from scoring.blocks import PAIR, SCORER_VERSION, blocks, in_headline
from scoring.intervals import FEW_BLOCKS
from scoring.metrics import best_threshold, measure
from scoring.pairs import of_pairs, pair_scores
from scoring.ways import Way
from scoring.yardsticks import held_against

__all__ = ["SCORER_VERSION", "metrics_rows", "same_numbers", "thresholds_for", "tuned_thresholds"]
# Sums of floats may be taken in another order elsewhere.
TOLERANCE = 1e-9


def metrics_rows(
    table: pd.DataFrame, thresholds: Mapping[str, float] = {}, resamples: int = 1000, prior: float | None = None
) -> list[dict]:
    """One row for every task and split, and for its splits together where there are several (`pooled`).

    The corrected suites also have a row for the headline and one for seen structure (causal_tasks/headline.py).

    Args:
        table: a margins table (`scoring.evaluation.margins_table`).
        thresholds: task -> threshold tuned on validation, for the calibrated metrics.
        resamples, prior: as for `scoring.metrics.measure`.
    """
    table = table.assign(block=blocks(table))
    return [
        {"task": task, "split": split, "protocol": part["protocol"].iloc[0]}
        | measure(part["label"], part["margin"], part["block"], thresholds.get(task), resamples, prior=prior)
        | (pair_scores(of_pairs(part)) if PAIR in part and part[PAIR].notna().all() else {})
        | held_against(part, resamples)
        for task, of_task in table.groupby("task", sort=False)
        for split, part in _parts(of_task).items()
    ]


def _parts(of_task: pd.DataFrame) -> dict[str, pd.DataFrame]:
    splits = dict(list(of_task.groupby("split", sort=False)))
    found = splits | ({POOLED: of_task} if len(splits) > 1 else {})
    headline = in_headline(of_task)
    if headline.any():
        found[HEADLINE] = of_task[headline]
        seen = of_task["split"].isin(SEEN_STRUCTURE)
        found |= {SEEN: of_task[seen]} if seen.any() else {}
    return found


def tuned_thresholds(validation: pd.DataFrame) -> dict[str, float]:
    """task -> threshold that maximises balanced accuracy on the validation margins.

    Only where they hold FEW_BLOCKS: tuned on fewer, it moves by more than it mends.
    """
    return {
        task: best_threshold(part["label"], part["margin"])
        for task, part in validation.groupby("task")
        if blocks(part).nunique() >= FEW_BLOCKS and part["label"].nunique() == 2
    }


def thresholds_for(folder: Path, way: Way, step: int | None = None) -> dict[str, float] | None:
    """`tuned_thresholds` of the validation beside ``folder``; {} if that is the folder itself.

    None if it was not scored in this way at this step: merged weights, a checkpoint and another prompt are other models.
    """
    validation = ScoredSuite(folder.with_name(way.validation(step)))
    if validation.folder == folder:
        return {}
    return tuned_thresholds(validation.read_margins()) if validation.margins.is_file() else None


def same_numbers(recorded, computed) -> bool:
    """Whether two values of a row are the same, but for the last digits of floats."""
    if isinstance(recorded, list) and isinstance(computed, (list, tuple)):
        return len(recorded) == len(computed) and all(map(same_numbers, recorded, computed))
    if isinstance(recorded, dict) and isinstance(computed, dict):
        return recorded.keys() == computed.keys() and all(same_numbers(recorded[k], computed[k]) for k in recorded)
    if isinstance(recorded, float) or isinstance(computed, float):
        numbers = isinstance(recorded, (int, float)) and isinstance(computed, (int, float))
        return numbers and math.isclose(recorded, computed, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return recorded == computed
