"""Bring metrics.json files of an older scorer up to date, from the margins beside them: no model is needed.

    python -m scoring.again [FOLDER ...] [resamples=1000] [anew=true]      default: results/runs, the recorded resamples

Margins stay as they are. What the tables need and older files lack is added: the blocks, and where the questions can be
drawn again (their fingerprint must be the recorded one) the path-blind yardsticks and the structural distances. The record
says when and by which commit its rows were made. Files of this scorer are left alone; with anew=true those of its rows are
computed as well, and written where a number is another.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from causal_tasks.items import Item
from input_output.command_line import flag, read_settings, whole
from input_output.errors import UserError
from input_output.reading import read_json
from input_output.writing import write_json, write_parquet
from records.provenance import commit, fingerprints, margins_fingerprint, same_questions
from records.scored_suite import ScoredSuite
from scoring.blocks import blocks
from scoring.closure import Part
from scoring.recomputed import RESAMPLES, questions_again, rows_again
from scoring.rows import SCORER_VERSION, same_numbers
from scoring.yardsticks import COLUMN, LEARNED, YARDSTICK_QUESTIONS, yardstick_scores

_NO_LONGER_MEASURED = ("graphs", "calibrated_accuracy_interval")
_DEFAULTS = {"resamples": "", "anew": "false"}


def score_again(
    folder: Path, resamples: int | None = None, yardstick_questions: int = YARDSTICK_QUESTIONS, anew: bool = False
) -> bool:
    """Rewrite the rows of one evaluation folder; False if they are of this scorer already, with `anew` number by number.

    What cannot be measured again (structural distances on questions of another version) is kept from the old row.
    """
    suite = ScoredSuite(folder)
    report = read_json(suite.metrics)
    current = report.get("scorer") == SCORER_VERSION
    if current and not anew:
        return False
    report = {"resamples": RESAMPLES} | report | ({"resamples": resamples} if resamples else {})
    table = suite.read_margins()
    stored = list(table)
    if "block" not in table:
        table.insert(2, "block", blocks(table))
    parts = _questions(folder, report, table)
    table = _with_yardsticks(table, parts, yardstick_questions)
    before = {(row["task"], row["split"]): row for row in report["rows"]}
    rows = [
        {k: v for k, v in before.get((row["task"], row["split"]), {}).items() if k not in _NO_LONGER_MEASURED} | row
        for row in rows_again(suite, report, table, parts)
    ]
    if list(table) != stored:
        write_parquet(suite.margins, table)
    elif current and same_numbers(report["rows"], rows):
        return False
    made = {"commit": commit(), "finished": datetime.now(UTC).isoformat(timespec="seconds")}
    new = {"scorer": SCORER_VERSION, "rows": rows, "scored_again": made}
    write_json(suite.metrics, report | new | {"margins_fingerprint": margins_fingerprint(table)})
    return True


def _questions(folder: Path, report: Mapping, table: pd.DataFrame) -> dict[Part, Sequence[Item]]:
    """The questions of the table; {} if they cannot be drawn again, or one split would get others."""
    try:
        drawn = questions_again(folder, report, table) or {}
    except UserError:
        return {}
    scored = {part: drawn.get(part, ()) for part in table.groupby(["task", "split"], sort=False).groups}
    return scored if same_questions(report.get("data_fingerprint"), fingerprints(scored)) else {}


def _with_yardsticks(table: pd.DataFrame, parts: Mapping[Part, Sequence[Item]], questions: int) -> pd.DataFrame:
    """The table with those that it lacks; what was learned is not learned again."""
    if not parts or (table["protocol"] != "corrected").any():
        return table
    scored = []
    for (task, split), part in table.groupby(["task", "split"], sort=False):
        scores = yardstick_scores(parts[task, split], task, 0 if f"{COLUMN}{LEARNED}" in table else questions)
        scored.append(pd.DataFrame({f"{COLUMN}{name}": values for name, values in scores.items()}, index=part.index))
    found = pd.concat(scored)
    return table.join(found[[name for name in found if name not in table]])


def main(arguments: list[str]) -> int:
    folders = [Path(one) for one in arguments if "=" not in one and not one.startswith("-")] or [Path("results/runs")]
    try:
        settings = read_settings([one for one in arguments if "=" in one or one.startswith("-")], _DEFAULTS)
        resamples = whole(settings, "resamples") if settings["resamples"] else None
        if resamples is not None and resamples < 1:
            raise ValueError("resamples= must be at least 1")
        anew = flag(settings, "anew")
    except ValueError as error:
        print(f"scoring.again: {error}", file=sys.stderr)
        return 2
    found = [suite.folder for folder in folders for suite in ScoredSuite.below(folder) if suite.whole]
    if not found:
        print(f"scoring.again: no metrics.json beside a margins.parquet under {', '.join(map(str, folders))}")
        return 1
    again = sum(score_again(folder, resamples, anew=anew) for folder in found)
    print(f"{again} evaluations scored again, {len(found) - again} were up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
