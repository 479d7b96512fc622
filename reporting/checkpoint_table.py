"""What a run scores on the way: one row a checkpoint that was scored, of unfinished runs too."""

import pandas as pd

from reporting.collapse_tables import judged_rows
from reporting.groups import GROUP, RUN
from reporting.metrics_tables import TREES
from reporting.published import mean_of_suites, on_released_suites
from reporting.results import Results, scored_as_usual, with_pooled
from reporting.table import Table

NOTE = (
    "One row is one seed at one step of the *steps* that its training will have: an anecdote, and no result of the training as "
    "published. *released*: mean accuracy over the five released suites at that step. The other columns as in the summary: "
    "the headline of the own task, with 95 % intervals over blocks; *seen*, where the structure occurs in training; *yes "
    "rate*, of all corrected suites; *over yardstick*, AUROC less that of the best path-blind yardstick on the same questions, "
    "paired; *local features*, the balanced accuracy of one of them, trees on counts. *pair accuracy*: both questions of a "
    "minimal pair, where they were asked. Rows compare, with each other and with the summary's, where *n* and *local features* do."
)


# Columns of `judged_rows` and what they are called here.
NAMES = {"seen_balanced_accuracy": "seen", TREES["balanced_accuracy"]: "local_features"}
INTERVALS = ["balanced_accuracy", "auroc", "over_yardstick"]


def checkpoint_table(results: Results) -> Table:
    """One row a run and step whose adapter was scored on the corrected suites, in the usual way."""
    scored = results.scored
    usual = scored_as_usual(scored) & scored["step"].notna()
    rows = [row for _, part in scored[usual].groupby([*RUN, "step"], sort=False) if (row := _row(part))]
    scores = [f"{name}{end}" for name in (*INTERVALS, "pair_accuracy") for end in ("", "_low", "_high")]
    columns = [
        "variant",
        "setting",
        "step",
        "steps",
        "released",
        *scores,
        "seen",
        "local_features",
        "yes_rate",
        "verdict",
    ]
    columns += [*GROUP, "seed", "n"]
    return Table(
        "checkpoints",
        "Scores along training",
        NOTE,
        pd.DataFrame(rows, columns=columns),
        percent=("released", "balanced_accuracy", "pair_accuracy", "seen", "local_features", "yes_rate"),
        decimal=("auroc", "over_yardstick"),
    )


def _row(scored: pd.DataFrame) -> dict | None:
    """Of one step's rows of `Results.scored`; None if the corrected suites are not among them."""
    rows = pd.DataFrame(with_pooled(scored.to_dict("records")))
    judged = judged_rows(rows)
    if judged.empty:
        return None
    released = mean_of_suites(on_released_suites(rows), "suite").get("published")
    own = (rows["suite"] == "adversarial") & (rows["split"] == "pooled") & (rows["task"] == rows["own_task"])
    pairs = rows[own].filter(like="pair_accuracy").to_dict("records")
    row = judged.rename(columns=NAMES).iloc[0].to_dict()
    return row | {"released": released} | (pairs or [{}])[0]
