"""The paper's numbers, as results/published/ holds them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from causal_tasks.spec import PUBLISHED_SUITE
from records.published import PUBLISHED
from reporting.run_files import read_table

# Its model as conf/model/ names it: the very checkpoint, instruction-tuned, and the base that can be had without an account.
PAPER_MODELS = ("gemma3_270m_it", "gemma3_270m")
# The paper's five suites in its order, each with the task it asks about.
SUITES = {split: task for task, split in PUBLISHED_SUITE}


def on_suites(rows: pd.DataFrame) -> pd.DataFrame:
    """Of rows of metrics, those on one of the five suites, with the task that it asks about."""
    return rows[rows["task"] == rows["split"].map(SUITES)]


def on_released_suites(rows: pd.DataFrame) -> pd.DataFrame:
    """Of these, those on the suites as the release builds them."""
    return on_suites(rows[(rows["suite"] == "published") & (rows["protocol"] == "released")])


def mean_of_suites(rows: pd.DataFrame, by: str | list[str], value: str = "accuracy") -> pd.Series:
    """Of rows of `on_suites`, the mean over the five for each group; NaN for one that lacks some."""
    groups = rows.groupby(by, sort=False)[value]
    return groups.mean().where(groups.size() == len(SUITES))


def paper_model_first(frame: pd.DataFrame, **ascending: bool) -> pd.DataFrame:
    """The rows of the paper's model before the others, its very checkpoint before the base; of each, sorted by the named columns,
    ascending or not."""
    order = {"other": True, **ascending}
    rank = {model: place for place, model in enumerate(PAPER_MODELS)}
    ordered = frame.assign(other=frame["model"].map(rank).fillna(len(rank)))
    return ordered.sort_values([*order], ascending=[*order.values()], kind="stable").drop(columns="other")


@dataclass(frozen=True)
class Published:
    """The paper's numbers; see results/published/README.md."""

    confusion: pd.DataFrame  # variant, suite, tp, tn, fp, fn
    accuracy: pd.DataFrame  # variant, the five suites, mean, adversarial; in percent
    claims: pd.DataFrame  # id, claim, published
    training_sets: pd.DataFrame  # task, samples, yes_percent
    release_evaluations: (
        pd.DataFrame
    )  # model, variant, weights, method, prompt, n, the five suites, mean (percent), cell
    lambda_law: pd.DataFrame  # lambda, cross_entropy (nats), consistency (probability)


def load_published(folder: Path = PUBLISHED) -> Published:
    """Read results/published/ of this repository, wherever the measured results lie.

    Raises:
        ResultsError: a file is missing, is not a CSV or lacks a column.
    """
    columns = {
        "confusion": ("variant", "suite", "tp", "tn", "fp", "fn"),
        "accuracy": ("variant", *SUITES, "mean", "adversarial"),
        "claims": ("id", "claim", "published"),
        "training_sets": ("task", "samples", "yes_percent"),
        "release_evaluations": ("model", "variant", "weights", "method", "prompt", "n", *SUITES, "mean", "cell"),
        "lambda_law": ("lambda", "cross_entropy", "consistency"),
    }
    files = {name: folder / f"{name}.csv" for name in columns} | {"confusion": folder / "confusion_10k.csv"}
    return Published(**{name: read_table(files[name], needed) for name, needed in columns.items()})
