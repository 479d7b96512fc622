"""Figures over training: lambda and the loss terms, and collapse as it happens."""

import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from reporting.run import Run
from reporting.style import PALETTE, colour, heading, legend_below, panels, readable
from scoring.collapse import COLLAPSED_SHARE

LAMBDA_COLOUR = "black"
FEW_VARIANTS = 6  # lines of so many can be told apart


def loss_terms(runs: list[Run], group: dict) -> Figure | None:
    """One panel a variant (its first seed): loss terms on the left axis, lambda on the right."""
    logs = {}
    for run in runs:
        log = run.log
        if log is not None and "loss" in log and run.name not in logs:
            logs[run.name] = (run, log)
    if not logs:
        return None
    figure, axes = panels(len(logs), most=2, width=5.6, height=2.9)
    terms = list(dict.fromkeys(name for _, log in logs.values() for name in log if _is_loss(name)))
    palette = dict(zip(terms, PALETTE * len(terms), strict=False))
    for axis, (variant, (run, log)) in zip(axes, logs.items(), strict=True):
        for name in terms:
            if name in log and log[name].notna().any():
                points = log.dropna(subset=name)
                label = "total loss" if name == "loss" else f"{readable(name.removeprefix('loss/'))} term"
                style = {"lw": 1.8 if name == "loss" else 1.1, "ls": "-" if name == "loss" else "--"}
                axis.plot(points["progress"], _smooth(points[name]), color=palette[name], label=label, **style)
        axis.set(title=f"{readable(variant)} (seed {run.settings.seed})", xlabel="share of training", xlim=(0, 1))
        axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
        axis.set_ylabel("loss (nats)")
        # Lambda weighs a second term; beside a single one it says nothing.
        if sum(name in log for name in terms) > 2 and "lambda" in log and log["lambda"].max() > 0:
            right = axis.twinx()
            points = log.dropna(subset="lambda")
            right.plot(points["progress"], points["lambda"], color=LAMBDA_COLOUR, lw=1.2, ls=":")
            axis.plot([], [], color=LAMBDA_COLOUR, lw=1.2, ls=":", label="lambda (right axis)")
            right.set(ylabel="lambda", ylim=(0, 1.15 * points["lambda"].max()))
            right.grid(visible=False)
            right.spines["right"].set_visible(True)
    figure.suptitle(f"Loss terms and lambda over training: {heading(group)}")
    legend_below(figure, axes)
    return figure


def collapse_over_training(runs: list[Run], group: dict) -> Figure | None:
    """Majority share and balanced accuracy of the probe set; one line a run, one colour a variant."""
    probes = []
    for run in runs:
        log = run.log
        if log is not None and "probe/majority_share" in log:
            probes.append((run.name, log.dropna(subset="probe/majority_share")))
    if not probes:
        return None
    variants = list(dict.fromkeys(variant for variant, _ in probes))
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), sharex=True)
    panels = {
        "probe/majority_share": "majority share of the verdicts",
        "probe/balanced_accuracy": "balanced accuracy",
    }
    for axis, (name, label) in zip(axes, panels.items(), strict=True):
        for variant, log in probes:
            style = {"color": colour(variant, variants), "label": readable(variant), "lw": 1.6}
            if name in log:
                axis.plot(log["progress"], log[name], marker="o", ms=3, **style)
        axis.set(xlabel="share of training", ylabel=label, xlim=(0, 1.02), ylim=(None, 1.02))
        axis.set_ylim(bottom=min(0.48, axis.get_ylim()[0]))
    axes[0].axhline(COLLAPSED_SHARE, color="black", ls="dashed", lw=1, label=f"collapsed: {COLLAPSED_SHARE}")
    axes[1].axhline(0.5, color="black", ls="dotted", lw=1, label="constant answer: 0.5")
    figure.suptitle(f"Collapse watched on the probe set: {heading(group)}")
    legend_below(figure, axes)
    return figure


def constancy_and_knowledge(runs: list[Run], group: dict) -> Figure | None:
    """Every look at the probe set in training, of all runs of a group: majority share over AUROC, a thin line a run, in its
    variant's colour where there are FEW_VARIANTS.

    A constant answer that comes with little knowledge is an early phase; one that comes with much is a lost threshold.
    """
    runs = [run for run in runs if "probe/auroc" in run.probes and len(run.probes)]
    probes, variants = [run.probes for run in runs], list(dict.fromkeys(run.name for run in runs))
    if not probes:
        return None
    figure, axis = pyplot.subplots(figsize=(9, 4.6))
    for run, table in zip(runs, probes, strict=True):
        style = {"color": "black", "lw": 0.6, "alpha": 0.12}
        if len(variants) <= FEW_VARIANTS:
            style = {"color": colour(run.name, variants), "lw": 1.2, "alpha": 0.7, "label": readable(run.name)}
        axis.plot(table["probe/auroc"], table["probe/majority_share"], **style)
    every = pd.concat(probes)
    points = axis.scatter(
        every["probe/auroc"],
        every["probe/majority_share"],
        c=every["progress"],
        cmap="viridis",
        vmin=0,
        vmax=1,
        s=26,
        alpha=0.75,
        lw=0,
    )
    axis.axhline(COLLAPSED_SHARE, color="black", ls="dashed", lw=1, label=f"collapsed: {COLLAPSED_SHARE}")
    axis.set(xlabel="AUROC of the margin (orders)", ylabel="majority share of the verdicts", ylim=(0.48, 1.02))
    figure.colorbar(points, label="share of training")
    figure.suptitle(f"The probe set while training, {len(probes)} runs\n{heading(group)}")
    legend_below(figure, [axis])
    return figure


def _is_loss(name: str) -> bool:
    return name == "loss" or (name.startswith("loss/") and name != "loss/total")


def _smooth(values: pd.Series) -> pd.Series:
    """Centred moving average over about a twentieth of the log, so that terms can be told apart."""
    return values.rolling(max(1, len(values) // 20), center=True, min_periods=1).mean()
