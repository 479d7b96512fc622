"""How every figure looks: one colour a variant, readable sizes, no window."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.figure import Figure

from input_output.writing import write_whole

# Okabe & Ito's colours, told apart also by colour-blind readers; one task warm/cool pair each.
COLOURS = {
    "pretrained": "#7f7f7f",
    "transitivity_ce": "#E69F00",
    "transitivity_semantic": "#0072B2",
    "dseparation_ce": "#D55E00",
    "dseparation_semantic": "#009E73",
}
SPARE = ("#CC79A7", "#56B4E9", "#8c564b", "#17becf", "#bcbd22", "#9467bd", "#000000")
# For what is not a variant: loss terms, losses.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", *SPARE)
DOTS_PER_INCH = 120
TASK_NAMES = {"transitivity": "transitivity", "dseparation": "d-separation"}

pyplot.rcParams.update(
    {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.alpha": 0.3,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
    }
)


def colour(variant: str, variants: list[str]) -> str:
    """The variant's colour; variants other than the paper's five take spare ones in their order of appearance."""
    others = [name for name in variants if name not in COLOURS]
    return COLOURS.get(variant) or SPARE[others.index(variant) % len(SPARE)]


def panels(count: int, most: int, width: float, height: float):
    """A figure with `count` axes, `most` in a row, each of `width` x `height` inches; wide enough for its title.

    Returns:
        (figure, list of `count` axes).
    """
    columns = min(most, count)
    rows = -(-count // columns)
    size = (max(9.0, width * columns), 0.9 + height * rows)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    return figure, list(axes.flat[:count])


def readable(name: str) -> str:
    """A name for a figure: "dseparation_ce" becomes "d-separation CE"."""
    name = name.replace("_", " ").replace("dseparation", "d-separation")
    return name.removesuffix(" ce") + " CE" if name.endswith(" ce") else name


def heading(group: dict) -> str:
    samples = f", {group['samples']:,} questions" if group.get("samples") else ""
    return f"{group['model']}, scale {group['scale']}, trained on {group['trained_on']}{samples}"


def legend_below(figure: Figure, axes, width: float = 2.7) -> None:
    """One legend for the whole figure, under it, with each label once and as many columns, `width` inches each, as fit."""
    entries = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        entries |= {label: handle for handle, label in zip(handles, labels, strict=True) if label not in entries}
    figure.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=int(figure.get_figwidth() // width)
    )


def save(figure: Figure, path: Path) -> None:
    """Write the PNG whole or not at all; equal figures give equal bytes."""
    # Lay out first and then draw once: savefig would draw everything three times.
    for _ in range(2):  # one pass leaves long labels cut
        figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")
    figure.set_dpi(DOTS_PER_INCH)
    try:
        write_whole(path, lambda temporary: figure.canvas.print_png(temporary, metadata={"Software": None}))
    finally:
        pyplot.close(figure)
