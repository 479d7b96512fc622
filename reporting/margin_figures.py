"""Figures made of the margins of the corrected suites: difficulty, calibration, and what lies behind the verdicts."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit

from causal_tasks.spec import TASKS
from reporting.run import Run
from reporting.style import TASK_NAMES, colour, heading, legend_below, panels, readable
from scoring.blocks import blocks, in_headline
from scoring.intervals import Interval, proportion_interval

STRATUM = "stratum/"
YARDSTICK = "yardstick/"
LEARNED = f"{YARDSTICK}local_features"  # scoring/yardsticks.py
NOT_DIFFICULTY = (f"{STRATUM}pair", f"{STRATUM}family")
# A stratum value is drawn only where it has this many items: below, its interval says nothing.
FEWEST = 10
# More values than this are joined into ranges, so that the axis stays readable.
MOST = 13


def corrected_margins(runs: list[Run], problems: list[str]) -> dict[str, pd.DataFrame]:
    """name of a setting -> margins of the corrected suite of its first seed, with seed, own_task, headline, block, correct
    and `accuracy`: the share of all its seeds that answer the question correctly.

    A seed that was asked other questions is left out, which gives a line in `problems`.
    """
    first: dict[str, tuple[Run, pd.DataFrame]] = {}
    correct: dict[str, list[pd.Series]] = {}
    for run in runs:
        known, table = first.get(run.name, (run, None))
        # Texts take long to read and to compare: of the other seeds only the answers are read.
        wanted = ("label", "margin").__contains__ if table is not None else lambda name: name not in ("id", "protocol")
        margins = run.margins("corrected", wanted, categories=lambda name: name != "graph")
        if margins is None:
            continue
        if table is None:
            added = {"own_task": run.settings.task or "", "seed": run.settings.seed}
            added["headline"] = in_headline(margins.assign(protocol="corrected"))
            first[run.name] = run, margins.assign(**added, block=pd.factorize(blocks(margins))[0])
        elif not table["label"].equals(margins["label"]):
            problems.append(f"{run.folder}: in no figure of difficulty: asked other questions than {known.folder}")
            continue
        correct.setdefault(run.name, []).append((margins["margin"] >= 0) == margins["label"])
    return {
        name: table.assign(correct=correct[name][0], accuracy=np.mean(correct[name], axis=0))
        for name, (_, table) in first.items()
    }


def accuracy_by_difficulty(margins: dict[str, pd.DataFrame], group: dict, task: str) -> Figure | None:
    """Accuracy against each stratum of one task, mean over seeds, with the 95 % interval of one seed, over blocks.

    Shown are the variants trained on the task and the untrained model. The learned yardstick stands
    beside them, on the same questions, where it was measured.
    """
    shown = {
        variant: _coarse(table[table["task"] == task])
        for variant, table in margins.items()
        if table["own_task"].iloc[0] in ("", task)
    }
    shown = {variant: table for variant, table in shown.items() if len(table)}
    strata = _difficulties(shown)
    if not any(strata.values()):
        return None
    figure, axes = panels(len(strata), most=3, width=4.4, height=3.1)
    for axis, (stratum, values) in zip(axes, strata.items(), strict=True):
        for rank, (variant, table) in enumerate(shown.items()):
            beside = (rank - (len(shown) - 1) / 2) * 0.08
            style = {"color": colour(variant, list(margins)), "label": readable(variant)}
            _draw_accuracies(axis, table, stratum, values, beside, style)
        first = next(iter(shown.values()))
        if known := _shortcut(first, stratum, values):
            style = {"ls": "none", "marker": "_", "ms": 16, "mew": 1.5, "color": "black"}
            axis.plot(
                *zip(*known, strict=True), **style, label="local features, no path followed, on the same questions"
            )
        axis.axhline(0.5, color="black", ls="dotted", lw=1, label="constant answer where labels are balanced")
        counts = [int((first[stratum] == value).sum()) if stratum in first else 0 for value in values]
        axis.set(xlabel=readable(stratum.removeprefix(STRATUM)), ylabel="accuracy", ylim=(None, 1.02))
        _name_values(axis, values, counts)
    figure.suptitle(f"Accuracy against difficulty, {TASK_NAMES[task]}: {heading(group)}")
    legend_below(figure, axes)
    return figure


def _difficulties(shown: dict[str, pd.DataFrame]) -> dict[str, list]:
    """The split, and each stratum that has several values to be drawn -> these values."""
    strata = {"split": _drawn_values(shown, "split")} if shown else {}
    for name in dict.fromkeys(name for table in shown.values() for name in table if name.startswith(STRATUM)):
        values = _drawn_values(shown, name)
        if len(values) > 1 and name not in NOT_DIFFICULTY:
            strata[name] = values
    return strata


def _draw_accuracies(axis: Axes, table: pd.DataFrame, stratum: str, values: list, beside: float, style: dict) -> None:
    """Accuracy at each value with its interval, `beside` its place; numbers are joined by a line, names are not."""
    points = {i: point for i, value in enumerate(values) if (point := _accuracy(table, stratum, value))}
    mean = [accuracy for accuracy, _ in points.values()]
    error = np.array([bar or (0, 0) for _, bar in points.values()]).reshape(-1, 2).T
    numeric = values and not isinstance(values[0], str)
    x = [i + beside for i in points]
    axis.errorbar(x, mean, yerr=error, marker="o", ms=4, lw=1.3, ls="-" if numeric else "none", **style)


def _name_values(axis: Axes, values: list, counts: list[int]) -> None:
    """Each value below its place with the number of its questions, turned or smaller where there is little room."""
    names = [readable(str(int(v)) if isinstance(v, float) and v.is_integer() else str(v)) for v in values]
    turn = {"rotation": 25, "ha": "right"} if sum(map(len, names)) > 34 else {}
    small = {"fontsize": 8} if turn or len(values) > 6 else {}
    many = len(values) > 6 and max(counts) > 99  # no room for n= under each
    end = " (n={})" if turn else "\n{}" if many else "\nn={}"
    labels = [name + end.format(n) for name, n in zip(names, counts, strict=True)]
    axis.set_xticks(range(len(values)), labels, **turn, **small)
    if many:
        axis.set_xlabel(f"{axis.get_xlabel()} (below: n)")


def _shortcut(table: pd.DataFrame, stratum: str, values: list) -> list[tuple[int, float]]:
    """(place, accuracy) of the learned yardstick at the values of a stratum; empty where it was not measured."""
    if LEARNED not in table or stratum not in table or table[LEARNED].isna().any():
        return []
    right = (table[LEARNED] >= 0) == table["label"]
    return [
        (i, right[table[stratum] == value].mean()) for i, value in enumerate(values) if (table[stratum] == value).any()
    ]


def reliability(margins: dict[str, pd.DataFrame], group: dict, bins: int = 10) -> Figure | None:
    """Share of Yes labels against p(Yes), the margin's logistic, in bins of equal size; ECE in the legend."""
    judged = {task: _judged_on(margins, task) for task in TASKS}
    judged = {task: items for task, items in judged.items() if items}
    if not judged:
        return None
    figure, axes = panels(len(judged), most=2, width=5.5, height=4.2)
    for axis, (task, items_of) in zip(axes, judged.items(), strict=True):
        for variant, items in items_of.items():
            probability, share, size = reliability_bins(items["label"], items["margin"], bins)
            error = np.sum(size * np.abs(probability - share)) / size.sum()
            label = f"{readable(variant)}, seed {items['seed'].iloc[0]} (ECE {error:.2f}, {size.min()} a bin)"
            axis.plot(probability, share, "o-", color=colour(variant, list(margins)), ms=4, lw=1.3, label=label)
        axis.plot([0, 1], [0, 1], color="black", ls="dotted", lw=1)
        axis.set(title=TASK_NAMES[task], xlabel="p(Yes) from the margin", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axis.legend(loc="upper left", fontsize=9)
    axes[0].set_ylabel("share of Yes labels")
    figure.suptitle(f"Reliability on the headline: {heading(group)}")
    return figure


def _judged_on(margins: dict[str, pd.DataFrame], task: str) -> dict[str, pd.DataFrame]:
    """variant -> first seed's headline items of `task`, for the variants trained on it and the untrained model."""
    items = {
        variant: table[(table["task"] == task) & table["headline"]]
        for variant, table in margins.items()
        if table["own_task"].iloc[0] in ("", task)
    }
    return {variant: table for variant, table in items.items() if len(table)}


def reliability_bins(labels, margins, bins: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean p(Yes), share of Yes labels and number of items in each of at most `bins` equally filled bins."""
    order = np.argsort(np.asarray(margins), kind="stable")
    probability = expit(np.asarray(margins, dtype=float))[order]
    labels = np.asarray(labels, dtype=float)[order]
    parts = [part for part in np.array_split(np.arange(len(order)), bins) if len(part)]
    mean = np.array([probability[part].mean() for part in parts])
    return mean, np.array([labels[part].mean() for part in parts]), np.array([len(part) for part in parts])


def margin_densities(margins: dict[str, pd.DataFrame], group: dict) -> Figure | None:
    """One panel a variant and judged task: histogram of the margin for Yes and for No items; the verdict turns at 0."""
    shown = [
        (f"{readable(variant)}, seed {items['seed'].iloc[0]}\n{TASK_NAMES[task]}, n = {len(items)}", items)
        for task in TASKS
        for variant, items in _judged_on(margins, task).items()
    ]
    if not shown:
        return None
    figure, axes = panels(len(shown), most=3, width=4, height=2.6)
    # One range for all panels: what is narrow beside the others is to be seen as narrow.
    edges = np.histogram_bin_edges(pd.concat([items["margin"] for _, items in shown]), bins=60)
    for axis, (title, items) in zip(axes, shown, strict=True):
        for label, name, shade in ((True, "label Yes", "#0072B2"), (False, "label No", "#D55E00")):
            values = items.loc[items["label"] == label, "margin"]
            axis.hist(values, edges, density=True, histtype="stepfilled", alpha=0.45, color=shade, label=name)
        axis.axvline(0, color="black", lw=1.2, label="verdict turns (0)")
        axis.set(
            title=title,
            yticks=[],
            ylabel="density, scale by panel",
            xlabel="margin: logit(Yes) − logit(No)",
            xlim=(edges[0], edges[-1]),
        )
        axis.title.set_fontsize(10)
        axis.locator_params(axis="x", nbins=6)
    figure.suptitle(f"Margins by label on the headline: {heading(group)}")
    legend_below(figure, axes)
    return figure


def _accuracy(table: pd.DataFrame, stratum: str, value) -> tuple[float, Interval | None] | None:
    """Mean over the seeds, and how far the interval of the first reaches below and above its own accuracy, as table 2 has it;
    None where there are too few items."""
    here = (table[stratum] == value).to_numpy()
    correct, accuracy, block = (table[name].to_numpy()[here] for name in ("correct", "accuracy", "block"))
    if len(correct) < FEWEST:
        return None
    first, interval = correct.mean(), proportion_interval(correct, block)
    bar = interval and (max(first - interval[0], 0.0), max(interval[1] - first, 0.0))
    return float(accuracy.mean()), bar


def _drawn_values(shown: dict[str, pd.DataFrame], stratum: str) -> list:
    """Values that hold enough items for a point, in order."""
    tables = [table for table in shown.values() if stratum in table]
    enough = {value for table in tables for value, n in table[stratum].value_counts().items() if n >= FEWEST}
    return sorted(enough, key=_natural)


def _coarse(table: pd.DataFrame) -> pd.DataFrame:
    """Join neighbouring values of strata with many numbers; each is then named by the first of its range."""
    coarse = {}
    for name in table:
        if name.startswith(STRATUM) and table[name].nunique() > MOST and pd.api.types.is_numeric_dtype(table[name]):
            starts = np.unique(table[name].dropna().quantile(np.linspace(0, 1, MOST)[:-1], interpolation="lower"))
            place = np.searchsorted(starts, table[name].fillna(starts[0]), side="right") - 1
            coarse[name] = np.where(table[name].isna(), np.nan, starts[place])
    return table.assign(**coarse)


def _natural(value):
    return (isinstance(value, str), value)
