"""Where the paper's numbers lie; see results/published/README.md."""

import csv
from pathlib import Path

PUBLISHED = Path(__file__).resolve().parents[1] / "results" / "published"


def published_yes_share(task: str) -> float:
    """Share of Yes, 0..1, in the published training set of a task."""
    with (PUBLISHED / "training_sets.csv").open(encoding="utf-8") as file:
        percent = {row["task"]: float(row["yes_percent"]) for row in csv.DictReader(file)}
    return round(percent[task] / 100, 6)
