"""What is compared in tables and figures: runs of one group, variant by variant."""

from typing import TYPE_CHECKING

import pandas as pd

from causal_tasks.spec import TASKS

if TYPE_CHECKING:
    from reporting.run import Run

UNTUNED = "pretrained"
# Task → the paper's variants, cross-entropy and the semantic loss, and the control that it lacks: cross-entropy on the answer alone.
PLAIN, SEMANTIC, CONTROL = ({task: f"{task}_{loss}" for task in TASKS} for loss in ("ce", "semantic", "answer_ce"))
VARIANTS = (UNTUNED, *PLAIN.values(), *SEMANTIC.values())
# Runs are only ever averaged or drawn together within one of these; `of_group` adds the untrained model.
GROUP = ["model", "scale", "samples", "trained_on"]
# (scale, questions of a training) → how many its group is said to have: T-V1 and D-V1 held 5 % of the paper's 50,000 out for validation.
PUBLISHED_SIZE = {("paper", 47_500): 50_000}
# A run and its repetitions with other seeds; `setting` is what tells a variant's from each other, often nothing.
SETTING = [*GROUP, "variant", "setting"]
RUN = [*SETTING, "seed"]


def grouped(runs: "list[Run]") -> "list[tuple[dict, list[Run]]]":
    """(group, its runs) for every group among `runs`; the untrained model is in each of its scale."""
    groups = {tuple(run.group.values()): run.group for run in runs}
    trained = {(group["model"], group["scale"]) for group in groups.values() if group["samples"]}
    groups = [
        group
        for _, group in sorted(groups.items())
        if group["samples"] or (group["model"], group["scale"]) not in trained
    ]
    untrained_first = sorted(runs, key=lambda run: run.group["samples"] > 0)
    return [(group, [run for run in untrained_first if _belongs(run.group, group)]) for group in groups]


def of_group(frame: pd.DataFrame, group: dict) -> pd.DataFrame:
    """The rows of one group and of its untrained model; `frame` has the columns of GROUP."""
    same_scale = (frame["model"] == group["model"]) & (frame["scale"] == group["scale"])
    same_data = (frame["trained_on"] == group["trained_on"]) & (frame["samples"] == group["samples"])
    return frame[same_scale & (same_data | (frame["samples"] == 0))]


def called(variant: str, setting: str) -> str:
    """`Run.name`: the variant, and what is special about the run and its repetitions."""
    return ", ".join(filter(None, (variant, setting)))


def names(frame: pd.DataFrame) -> pd.Series:
    """`Run.name` of the rows of a frame with the columns of SETTING."""
    return frame["variant"] + (", " + frame["setting"]).where(frame["setting"] != "", "")


def _belongs(own: dict, group: dict) -> bool:
    return own == group or own == group | {"trained_on": "nothing", "samples": 0}


def variant_rank(variant: str) -> tuple[int, str]:
    """Sort key: the paper's five variants in its order, then the others by name."""
    return (VARIANTS.index(variant) if variant in VARIANTS else len(VARIANTS), variant)
