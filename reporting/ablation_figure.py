"""The ablation: collapse rate over loss and training prior (the phase diagram), what each loss changed, learning curves."""

import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from reporting.groups import names, of_group
from reporting.style import PALETTE, TASK_NAMES, heading, legend_below, readable

DIFFERENCES = (
    ("balanced_accuracy", "answers (difference in balanced accuracy)", "#0072B2"),
    ("auroc", "orders (difference in AUROC)", "#D55E00"),
)


def collapse_phases(ablation: pd.DataFrame, group: dict) -> Figure | None:
    """One panel a task; rows are losses, columns the share of Yes in training, cells the share of collapsed runs.

    Args:
        ablation: the frame of `ablation_table`.
    Returns:
        None unless some loss was trained on at least three different shares.
    """
    rows = of_group(ablation, group).dropna(subset="training_yes_share")
    rows = rows.assign(percent=(100 * rows["training_yes_share"].astype(float)).round().astype(int))
    # One schedule at a time: others do not count where these alone were swept over shares.
    spread = rows.groupby(["task", "loss", "schedule"], dropna=False)["percent"].transform("nunique")
    rows = rows[spread >= 3]
    if rows.empty:
        return None
    tasks = list(dict.fromkeys(rows["task"]))
    sums = {task: rows[rows["task"] == task].groupby(["loss", "percent"], sort=False) for task in tasks}
    tables = {
        task: part[["collapsed", "runs"]].sum().unstack("percent").sort_index(axis=1) for task, part in sums.items()
    }
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


def learning_curves(judged: pd.DataFrame, data: dict) -> Figure | None:
    """Balanced accuracy and AUROC over the number of training questions; a colour a loss, a point a run, a line a seed.

    Args:
        judged: `ablation_table.judged_runs`.
        data: the keys of GROUP but the number of questions, which differs here.
    Returns:
        None unless some loss was trained on different numbers of questions, the share of Yes being the same.
    """
    runs = judged[(judged[[*data]] == pd.Series(data)).all(axis=1)].dropna(subset="yes_share")
    # Training sets of different sizes and seeds differ by a few labels.
    runs = runs.assign(percent=(100 * runs["yes_share"].astype(float)).round().astype(int))
    same = ["task", "loss", "schedule", "percent"]
    runs = runs[runs.groupby(same, dropna=False)["samples"].transform("nunique") >= 2]
    if runs.empty:
        return None
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.4), sharex=True)
    for number, ((task, loss, _, percent), part) in enumerate(runs.groupby(same, sort=False, dropna=False)):
        label = f"{loss}, {TASK_NAMES[task]}, {percent} % Yes"
        for axis, metric in zip(axes, ("balanced_accuracy", "auroc"), strict=True):
            style = {"color": PALETTE[number % len(PALETTE)], "label": label}
            # The same seed at several numbers of questions is one line; a line through means of different seeds would lie.
            for _, runs_of_seed in part.sort_values("samples").groupby("seed", sort=True):
                axis.plot(
                    runs_of_seed["samples"], runs_of_seed[metric].astype(float), marker="o", ms=6, lw=1.6, **style
                )
                style.pop("label", None)
    for axis, label in zip(axes, ("balanced accuracy (answers)", "AUROC of the margin (orders)"), strict=True):
        axis.axhline(0.5, color="black", ls="dotted", lw=1)
        axis.set_xscale("log", base=2)
        ticks = sorted(runs["samples"].unique())
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.minorticks_off()
        axis.set(xlabel="training questions", ylabel=label, ylim=(0.45, 1.0))
    figure.suptitle(
        f"Learning curves on the headline: {heading(data)}\na point is a run, a line joins the runs of one seed"
    )
    legend_below(figure, axes, width=4.5)
    return figure


def differences(contrasts: pd.DataFrame, group: dict) -> Figure | None:
    """Difference of each loss to its control on the same data, with its interval: left what it answers, right
    how it orders. Losses are grouped by their control; points are seeds, hollow ones single seeds.

    Args:
        contrasts: the frame of `ablation_contrasts`.
    """
    rows = of_group(contrasts, group)
    if rows.empty:
        return None
    rows = rows.assign(name=names(rows))
    labels, places, headings, y = [], [], [], 0
    for (task, against), part in rows.groupby(["task", "against"], sort=False):
        headings.append((y, f"against {_named(against, task)}, {TASK_NAMES[task]}"))
        for _, row in part.sort_values("balanced_accuracy_difference", ascending=False).iterrows():
            y += 1
            places.append((y, row))
            collapsed = f"collapsed {row['collapsed']}, control {row['collapsed_against']}"
            labels.append(f"{_named(row['name'], task)}  ({collapsed})")
        y += 1.4
    size = (13.5, 1.5 + 0.3 * y)
    figure, axes = pyplot.subplots(1, 2, figsize=size, sharey=True)
    # A t interval over two seeds is wider than the figure: what the seeds themselves span sets the range.
    for axis, (metric, title, colour) in zip(axes, DIFFERENCES, strict=True):
        for place, row in places:
            value = row[f"{metric}_difference"]
            several = len(row["seeds"]) > 1
            seeds = row[f"{metric}_by_seed"] if several else (value,)
            over_seeds = row.get(f"{metric}_over_seeds")
            if several and isinstance(over_seeds, tuple):
                axis.plot(over_seeds, [place, place], color=colour, lw=1.8)
            if not several:
                questions = row[f"{metric}_difference_low"], row[f"{metric}_difference_high"]
                axis.plot(questions, [place, place], color=colour, lw=1.0, ls="dotted")
            axis.plot(
                seeds, [place] * len(seeds), ls="", marker="o", ms=5.5, color=colour, mfc=colour if several else "white"
            )
            axis.plot(value, place, ls="", marker="|", ms=13, color="black")
        axis.axvline(0, color="black", lw=1)
        axis.set_title(title, fontsize=10)
        spans = [0, *rows[f"{metric}_difference_low"].dropna(), *rows[f"{metric}_difference_high"].dropna()]
        spans += [value for _, row in places if len(row["seeds"]) > 1 for value in row[f"{metric}_by_seed"]]
        room = 0.08 * (max(spans) - min(spans)) or 0.01
        axis.set_xlim(min(spans) - room, max(spans) + room)
        axis.locator_params(axis="x", nbins=6)
        axis.set_yticks([place for place, _ in places], labels)
    left_of_axis = {"xycoords": axes[0].get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    for place, text in headings:
        axes[0].annotate(text, (0, place), (-6, 0), ha="right", va="center", weight="bold", **left_of_axis)
    axes[0].set_ylim(y - 0.6, -0.8)
    figure.suptitle(
        f"What each loss changes on the headline: {heading(group)}\ndots: seeds, with their 95 % t interval (cut at the edge); tick: "
        "their mean; hollow: one seed, an anecdote, with the interval over questions (dotted)"
    )
    return figure


def _named(name: str, task: str) -> str:
    return readable(name.removeprefix(f"{task}_"))
