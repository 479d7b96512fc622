"""Figure: size of the adapters along training, and what a merge into 4 bit leaves of them (`adapter_growth`)."""

import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from reporting.adapter_growth import SIZES
from reporting.groups import RUN, names
from reporting.style import colour, legend_below, readable

# By the number of training questions, the largest first.
MARKERS = ("o", "s", "^", "v", "D")


def adapter_growth(growth: pd.DataFrame, scaled: dict | None) -> Figure | None:
    """Left: relative size by step. Right: surviving share by relative size, beside a trained adapter made larger.

    growth: the frame of `adapter_growth_table`. scaled: results/benchmarks/merge_survival.json, None if it is not there.
    """
    if growth.empty:
        return None
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 5.4))
    growth = growth.assign(name=names(growth))
    named = list(dict.fromkeys(growth["name"]))
    lengths = sorted(set(growth["samples"]), reverse=True)
    for _, rows in growth.groupby(RUN, sort=False):
        rows = rows.astype({"step": float, **dict.fromkeys(SIZES, float)})
        run = rows.iloc[0]
        marker = MARKERS[lengths.index(run["samples"]) % len(MARKERS)]
        look = {"color": colour(run["name"], named), "marker": marker, "ms": 4, "lw": 1.3}
        label = f"{readable(run['name'])}, {run['samples']:,} questions"  # its seeds look alike
        left.plot(rows["step"], rows["relative_size"], label=label, **look)
        right.plot(rows["relative_size"], rows["surviving_share"], label=label, **look)
    if scaled:
        sizes, shares = zip(
            *((row["relative_size"], row["surviving_share"]) for row in scaled["rows"][1:]), strict=True
        )
        label = f"the adapter of {readable(scaled['variant'])}, {scaled['model']}, multiplied"
        right.plot(sizes, shares, color="black", ls="dashed", marker="s", ms=4, lw=1, label=label)
    left.set(xscale="log", xlabel="optimisation step", ylabel="σ(ΔW) / σ(W), mean over modules")
    left.set_ylim(bottom=0)
    right.set(xscale="log", xlabel="σ(ΔW) / σ(W)", ylabel="share that survives a merge into 4 bit", ylim=(-0.02, 1.02))
    right.yaxis.set_major_formatter(PercentFormatter(1.0))
    legend_below(figure, (left, right), width=6)
    models = ", ".join(dict.fromkeys(growth["model"]))
    figure.suptitle(
        f"Adapters along training: their size, and what a merge into the 4-bit base leaves (audit A10); {models}"
    )
    return figure
