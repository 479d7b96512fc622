"""Bring metrics.json files of an older scorer up to date, from the margins beside them: no model is needed.

    python -m scoring.again [FOLDER ...] [resamples=1000]      default: results/runs

Margins stay as they are. What the tables need and older files lack is added: the blocks, and the path-blind yardsticks
where the questions can be drawn again (their fingerprint must be the recorded one; else they are "not measured on these
items"). The record says when and by which commit its rows were made. Files of this scorer are left alone.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from causal_tasks.suites import build
from records.files import write_json, write_parquet
from records.provenance import commit, fingerprint, margins_fingerprint
from records.reading import read_json
from records.scored_suite import ScoredSuite
from scoring.blocks import blocks
from scoring.rows import SCORER_VERSION, metrics_rows, thresholds_for
from scoring.yardsticks import COLUMN, yardstick_scores

YARDSTICK_QUESTIONS = 20_000
_QUESTIONS_PER_GRAPH = (4, 1)  # conf/suite/: pairs, and no others, ask one
_NO_LONGER_MEASURED = ("graphs", "calibrated_accuracy_interval")


def score_again(folder: Path, resamples: int = 1000, yardstick_questions: int = YARDSTICK_QUESTIONS) -> bool:
    """Rewrite the rows of one evaluation folder; False if they are of this scorer already.

    What cannot be measured from margins (structural distances, logit-adjusted accuracies) is kept from the old row.
    """
    suite = ScoredSuite(folder)
    report = read_json(suite.metrics)
    if report.get("scorer") == SCORER_VERSION:
        return False
    table = suite.read_margins()
    if "block" not in table:
        table.insert(2, "block", blocks(table))
    table = _with_yardsticks(table, report.get("data_fingerprint") or {}, yardstick_questions)
    thresholds = thresholds_for(suite)
    before = {(row["task"], row["split"]): row for row in report["rows"]}
    rows = [
        {k: v for k, v in before.get((row["task"], row["split"]), {}).items() if k not in _NO_LONGER_MEASURED} | row
        for row in metrics_rows(table, thresholds, resamples)
    ]
    made = {"commit": commit(), "finished": datetime.now(UTC).isoformat(timespec="seconds")}
    write_parquet(suite.margins, table)
    new = {"scorer": SCORER_VERSION, "rows": rows, "resamples": resamples, "scored_again": made}
    write_json(suite.metrics, report | new | {"margins_fingerprint": margins_fingerprint(table)})
    return True


def _with_yardsticks(table: pd.DataFrame, fingerprints: dict[str, str], questions: int) -> pd.DataFrame:
    if any(name.startswith(COLUMN) for name in table) or (table["protocol"] != "corrected").any():
        return table
    scored = []
    for (task, split), part in table.groupby(["task", "split"], sort=False):
        items = _same_items(task, split, len(part), fingerprints.get(f"{task}/{split}"))
        if items is None:
            return table
        scores = yardstick_scores(items, task, questions)
        scored.append(pd.DataFrame({f"{COLUMN}{name}": values for name, values in scores.items()}, index=part.index))
    return table.join(pd.concat(scored))


def _same_items(task: str, split: str, count: int, recorded: str | None):
    """The questions of one split, drawn again; None if they are not those that were scored."""
    for k in _QUESTIONS_PER_GRAPH:
        try:
            items = build(task, "corrected", split, count, 0, k)
        except ValueError:  # pairs ask one question a graph
            continue
        if fingerprint(items) == recorded:
            return items
    return None


def main(arguments: list[str]) -> int:
    resamples = [int(one.removeprefix("resamples=")) for one in arguments if one.startswith("resamples=")]
    roots = [Path(one) for one in arguments if not one.startswith("resamples=")] or [Path("results/runs")]
    found = [suite.folder for root in roots for suite in ScoredSuite.below(root) if suite.whole]
    if not found:
        print(f"scoring.again: no metrics.json beside a margins.parquet under {', '.join(map(str, roots))}")
        return 1
    again = sum(score_again(folder, *resamples[:1]) for folder in found)
    print(f"{again} evaluations scored again, {len(found) - again} were up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
