"""Figures by suite: accuracy beside the paper's and the constant answers', Yes-rate beside the label Yes-rate."""

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from reporting.groups import names, of_group
from reporting.published import SUITES, Published
from reporting.results import Results
from reporting.style import TASK_NAMES, colour, heading, legend_below, readable
from reporting.suite_tables import COUNTS, IN_FULL, constant_answer, label_shares, measured_by_suite
from scoring.metrics import from_confusion

PANELS = {
    "released": "released suites (faults included)",
    IN_FULL: "released suites at the paper's size (faults included)",
    "corrected": "the same suites, corrected and balanced",
}


def accuracy_by_suite(results: Results, group: dict, published: Published) -> Figure | None:
    """Bars: mean over seeds; dots: each seed, or the Wilson interval of a single one, and what those of the suites make of
    their mean. Lines: constant answers. Diamonds: the paper's accuracy.
    """
    columns = [*SUITES, "mean"]
    paper = published.confusion.assign(
        accuracy=from_confusion(*(published.confusion[name] for name in COUNTS))["accuracy"]
    ).pivot(index="variant", columns="suite", values="accuracy")
    paper["mean"] = paper.mean(axis=1)
    # One variant has no counts, and of its accuracies the mean alone.
    paper = paper.combine_first(published.accuracy.set_index("variant")[columns] / 100)

    def decorate(axis, protocol, shares, place):
        for answer, line in ((True, "dotted"), (False, "dashed")):
            scores = constant_answer(shares, dict.fromkeys(SUITES.values(), answer))
            for index, column in enumerate(columns):
                if scores[column] is not None:
                    label = f"always {'Yes' if answer else 'No'}"
                    axis.hlines(scores[column], index - 0.45, index + 0.45, "black", line, label=label, zorder=3)
        if protocol != "corrected":
            for variant, x in place.items():
                if variant in paper.index:
                    heights = paper.loc[variant, columns]
                    axis.plot(x, heights, "D", color="white", markeredgecolor="black", ms=5, label="paper", zorder=4)

    title = f"Accuracy by suite: {heading(group)}"
    return _by_suite(results, group, "accuracy", columns, title, decorate, bars=True)


def yes_rate_by_suite(results: Results, group: dict) -> Figure | None:
    """Dots: share of Yes verdicts, one dot a seed. Thick lines: share of Yes labels."""
    columns = list(SUITES)

    def decorate(axis, protocol, shares, place):
        for index, column in enumerate(columns):
            span = (index - 0.45, index + 0.45)
            axis.hlines(shares[column], *span, "black", lw=2.5, label="share of Yes labels", zorder=2)

    title = f"Share of Yes verdicts against Yes labels: {heading(group)}"
    return _by_suite(results, group, "yes_rate", columns, title, decorate, bars=False)


def adversarial_pairs(pairs: pd.DataFrame, group: dict) -> Figure | None:
    """Pair accuracy by adversarial family; one panel a task, one colour a variant. Of one seed with its Wilson interval, of
    several a dot each and a tick for the mean.

    Args:
        pairs: the frame of `adversarial_table`.
    """
    frame = of_group(pairs, group)
    frame = frame.assign(variant=names(frame))
    if not len(frame):
        return None
    tasks = list(dict.fromkeys(frame["task"]))
    variants = list(dict.fromkeys(frame["variant"]))
    families = {task: sorted(set(frame[frame["task"] == task]["family"]) - {"all"}) + ["all"] for task in tasks}
    height = 1.6 + 0.13 * len(variants) * max(len(names) for names in families.values())
    figure, axes = pyplot.subplots(1, len(tasks), figsize=(max(8.0, 5.5 * len(tasks) + 1), height), squeeze=False)
    for axis, task in zip(axes[0], tasks, strict=True):
        for rank, variant in enumerate(variants):
            rows = frame[(frame["task"] == task) & (frame["variant"] == variant)]
            offset = (rank - (len(variants) - 1) / 2) * 0.8 / len(variants)
            places = [families[task].index(family) + offset for family in rows["family"]]
            style = {"color": colour(variant, variants), "ms": 4, "label": readable(variant)}
            if rows["seed"].nunique() > 1:  # intervals of several seeds on one line would look like one
                axis.plot(rows["pair_accuracy"].astype(float), places, "o", alpha=0.6, **style)
                means = rows.assign(place=places).groupby("place")["pair_accuracy"].mean()
                axis.plot(means, means.index, "|", color=style["color"], ms=12, mew=2)
                continue
            value = rows["pair_accuracy"].astype(float)
            bounds = [value - rows["pair_accuracy_low"].astype(float), rows["pair_accuracy_high"].astype(float) - value]
            bounds = [width.clip(lower=0) for width in bounds]  # rounding errors of 1e-17 at 0 and 1
            axis.errorbar(value, places, xerr=bounds, fmt="o", lw=1.2, **style)
        axis.axvline(0.25, color="black", ls="dashed", lw=1, label="fair coin")
        axis.set(title=TASK_NAMES[task], xlabel="pair accuracy (both items right)", xlim=(-0.02, 1.02))
        axis.set_yticks(range(len(families[task])), [readable(family) for family in families[task]])
        axis.invert_yaxis()
    figure.suptitle(f"Adversarial minimal pairs: {heading(group)}")
    legend_below(figure, axes[0])
    return figure


def _by_suite(results: Results, group: dict, value: str, columns, title, decorate, bars: bool) -> Figure | None:
    """One panel a protocol, one cluster a suite, one colour a variant; `decorate` adds the references to a panel."""
    measured = results.measured
    measured = of_group(measured, group)
    measured = measured.assign(variant=names(measured))
    table = measured_by_suite(measured, value)
    protocols = [name for name in PANELS if (table["suites"] == name).any()]
    if not protocols:
        return None
    # In the rows of `table`.
    sides = ("low", "high") if bars else ()
    bounds = [_with_mean(measured_by_suite(measured, f"{value}_{side}"), table) for side in sides]
    shares = label_shares(measured).set_index("suites")
    variants = list(dict.fromkeys(table["variant"]))
    width = 0.9 / len(variants)
    size = (11, 0.8 + 3.2 * len(protocols))
    figure, axes = pyplot.subplots(len(protocols), 1, figsize=size, sharex=True, squeeze=False)
    for axis, protocol in zip(axes[:, 0], protocols, strict=True):
        place = {}
        for rank, variant in enumerate(variants):
            rows = table[(table["suites"] == protocol) & (table["variant"] == variant)][columns].astype(float)
            x = [index - 0.45 + (rank + 0.5) * width for index in range(len(columns))]
            place[variant] = x
            style = {"color": colour(variant, variants), "label": readable(variant)}
            if bars:
                axis.bar(x, rows.mean(), width * 0.92, alpha=0.35, **style)
            if bars and len(rows) == 1:
                low, high = (bound.loc[rows.index, columns].iloc[0].astype(float) for bound in bounds)
                value_row = rows.iloc[0]
                error = [(value_row - low).clip(lower=0), (high - value_row).clip(lower=0)]
                axis.errorbar(x, value_row, yerr=error, fmt="none", ecolor="black", lw=1)
            if len(rows):  # the seeds are what was measured; a bar is only their mean
                dot = {"markeredgecolor": "black"} if bars else {"label": style["label"]}
                places, values = np.tile(x, len(rows)), rows.to_numpy().ravel()
                axis.plot(places, values, "o", color=style["color"], ms=4 if bars else 7, zorder=3, **dot)
        decorate(axis, protocol, shares.loc[protocol], place)
        axis.set(title=PANELS[protocol], ylim=(-0.02, 1.04), ylabel=readable(value), xlim=(-0.6, len(columns) - 0.4))
        axis.grid(axis="x", visible=False)
        ticks = [f"{readable(name)}\n({TASK_NAMES[SUITES[name]]})" if name in SUITES else name for name in columns]
        axis.set_xticks(range(len(columns)), ticks)
        axis.tick_params(labelbottom=True)
    figure.suptitle(title)
    legend_below(figure, axes[:, 0])
    return figure


def _with_mean(bounds: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """One side's Wilson bounds with that of the mean over the suites, which are independent samples: their distances from
    the values add up in squares (Zou & Donner, 2008)."""
    distance = bounds[[*SUITES]].astype(float) - values[[*SUITES]].astype(float)
    # The distances of one side have one sign.
    of_mean = np.sign(distance.sum(axis=1)) * np.sqrt((distance**2).sum(axis=1, min_count=len(SUITES))) / len(SUITES)
    return bounds.assign(mean=values["mean"].astype(float) + of_mean)
