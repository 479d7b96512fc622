"""What a scored suite would be today: its questions drawn again from the settings, its rows computed again from the margins."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from causal_tasks.items import Item
from records.run_folder import RunFolder
from records.scored_suite import ScoredSuite
from scoring.closure import Part, add_closures
from scoring.evaluation import build_suite
from scoring.rows import metrics_rows, thresholds_for
from scoring.ways import Way

# Where metrics.json does not say so.
RESAMPLES = 1000
CONF = Path(__file__).resolve().parents[1] / "conf" / "suite"


def questions_again(folder: Path, report: Mapping, table: pd.DataFrame) -> dict[Part, list[Item]] | None:
    """Task and split -> items of a scored suite, as many as its margins table has; None where they came from a file.

    Whether they are the questions that were scored, `report["data_fingerprint"]` tells: another version of the generators
    may have drawn others.
    """
    run = folder.absolute().parent.parent
    config = RunFolder(run).trained_with() if (run / "config.yaml").is_file() else None
    suite = _suite_of(report["suite"], config, table.groupby(["task", "split"]).size().to_dict())
    return None if suite is None or "path" in suite else build_suite(suite)


def _suite_of(name: str, config: DictConfig | None, sizes: Mapping[Part, int]) -> DictConfig | None:
    """The suite's config: the run's own, or for one that was scored later that of conf/suite/ with as many questions."""
    own = [suite for suite in (config.suites.values() if config else ()) if suite.name == name]
    named = CONF / f"{name}.yaml"
    for suite in [*own, *([OmegaConf.load(named)] if named.is_file() else [])]:
        splits = [(task, split) for task, splits in (suite.get("splits") or {}).items() for split in splits]
        if splits and splits[0] in sizes:
            # The largest: where no graph is cut, a split may have fewer questions than were asked for.
            return OmegaConf.merge(suite, {"samples": max(sizes.get(part, 0) for part in splits)})
    return None


def rows_again(
    suite: ScoredSuite, report: Mapping, table: pd.DataFrame, parts: Mapping[Part, Sequence[Item]]
) -> list[dict]:
    """The rows of metrics.json, from a margins table and what the record says of how they were made.

    Args:
        parts: the questions that were scored, or {}: without them no structural distances (scoring/closure.py).
    """
    resamples = report.get("resamples", RESAMPLES)
    thresholds = {row["task"]: row["threshold"] for row in report["rows"] if row.get("threshold") is not None}
    if thresholds:  # without any, validation may have been scored later
        tuned = thresholds_for(suite.folder, Way.recorded(report), report.get("step"))
        thresholds = thresholds if tuned is None else tuned  # scored into a folder elsewhere: taken as recorded
    rows = metrics_rows(table, thresholds, resamples, report.get("prior"))
    add_closures(rows, table, parts, resamples)
    return rows
