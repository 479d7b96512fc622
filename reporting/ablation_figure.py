"""Collapse rate over loss and training prior: the phase diagram."""

import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from reporting.results import GROUP
from reporting.style import TASK_NAMES, heading


def collapse_phases(ablation: pd.DataFrame, group: dict) -> Figure | None:
    """One panel a task; rows are losses, columns the share of Yes in training, cells the share of collapsed runs.

    Args:
        ablation: the frame of `ablation_table`.
    Returns:
        None unless some loss was trained on at least three different shares.
    """
    rows = ablation[(ablation[GROUP] == pd.Series(group)).all(axis=1)].dropna(subset="training_yes_share")
    rows = rows.assign(percent=(100 * rows["training_yes_share"].astype(float)).round().astype(int))
    # One schedule at a time, so that runs of others do not count where it alone was swept over shares.
    spread = rows.groupby(["task", "loss", "schedule"])["percent"].transform("nunique")
    rows = rows[spread >= 3]
    if rows.empty:
        return None
    tasks = list(dict.fromkeys(rows["task"]))
    sums = {task: rows[rows["task"] == task].groupby(["loss", "percent"], sort=False) for task in tasks}
    tables = {task: part[["collapsed", "runs"]].sum().unstack("percent").sort_index(axis=1) for task, part in sums.items()}
    height = 1.6 + sum(0.9 + 0.5 * len(table) for table in tables.values())
    figure, axes = pyplot.subplots(
        len(tasks), 1, figsize=(9, height), height_ratios=[1 + len(t) for t in tables.values()], squeeze=False
    )
    for axis, (task, table) in zip(axes[:, 0], tables.items(), strict=True):
        collapsed, runs = table["collapsed"], table["runs"]
        rate = collapsed.astype(float) / runs.astype(float)
        image = axis.imshow(rate, vmin=0, vmax=1, cmap="OrRd", aspect="auto")
        for y in range(len(rate)):
            for x in range(rate.shape[1]):
                if pd.notna(rate.iloc[y, x]):
                    text = f"{collapsed.iloc[y, x]:.0f}/{runs.iloc[y, x]:.0f}"
                    axis.text(x, y, text, ha="center", va="center", color="white" if rate.iloc[y, x] > 0.6 else "black")
        axis.set_xticks(range(rate.shape[1]), [f"{percent} %" for percent in rate.columns])
        axis.set_yticks(range(len(rate)), rate.index)
        axis.set(title=TASK_NAMES[task], xlabel="share of Yes in training")
        axis.grid(visible=False)
    figure.colorbar(image, ax=axes[:, 0], label="collapse rate")
    figure.suptitle(f"Collapsed runs over loss and training prior\n{heading(group)}")
    return figure
