"""How the time of scoring grows with the number of prompts, their length, the questions on a graph, and the batch.

    python -m benchmarks.growth model=gemma3_270m,smollm2_135m
    python -m benchmarks.growth model=tiny most=16 longest=64 repetitions=1 out=DIR

One thing grows at a time, in the model's own precision, by factors of two: up to `most` prompts of a suite; texts of
32 to `longest` tokens, eight of them; 1 to 16 questions on each of eight graphs (d-separation), packed; and the tokens that a
batch may hold, with `most` prompts. The fastest of `repetitions` passes each, because other load only adds time. Writes
growth.json, growth.md and the figure growth.png, with the exponents of fitted power laws, into out=, by default results/benchmarks.
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.ticker import NullFormatter

from benchmarks.measuring import configuration
from benchmarks.scoring_speed import graphs_with
from benchmarks.step_memory import of_width
from causal_tasks.suites import build
from models.answerer import Answerer
from models.loading import load_answerer
from models.packing import pack
from records.reports import report_command
from reporting.style import PALETTE, panels, pyplot
from scoring.scorer import score
from training.batches import GraphDataset

DEFAULTS = {
    "model": "gemma3_270m,smollm2_135m",
    "most": "64",
    "longest": "512",
    "repetitions": "2",
    "out": "results/benchmarks",
}
FEWEST_PROMPTS, SHORTEST = 8, 32
FEWEST_TOKENS, MOST_TOKENS = 256, 4096
TEXTS, GRAPHS, MOST_QUESTIONS = 8, 8, 16
# What grows → its axis.
AXES = {
    "prompts": "prompts",
    "length": f"tokens a prompt, {TEXTS} prompts",
    "questions": f"questions a graph, {GRAPHS} graphs",
    "batch": "tokens a batch",
}


def doubling(first: int, last: int) -> list[int]:
    """first, 2 first, 4 first, … up to last."""
    return [first << step for step in range(max(1, (last // first).bit_length()))]


def seconds(work: Callable[[], object], repetitions: int) -> float:
    """The fastest of several."""
    times = []
    for _ in range(repetitions):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float | None:
    """b of the power law a · size^b through the points, by least squares of logarithms; None of times that rise and fall."""
    if (steps := np.sign(np.diff(times))).min() * steps.max() < 0:
        return None
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def _said(found: float | None) -> str:
    return "none" if found is None else f"{found:.2f}"


def works(answerer: Answerer, most: int, longest: int) -> dict[str, dict[int, Callable[[], object]]]:
    """What grows → its size → the work to be timed."""
    prompts = build("transitivity", "corrected", "in_distribution", most, 0)
    format_ = answerer.prompt_format
    examples = GraphDataset(prompts[:TEXTS], format_, answered=False).examples

    def read(width: int) -> None:
        with torch.inference_mode():
            answerer.margins(
                pack([of_width(one, width).encoded for one in examples], format_.pad, fewest_saved=math.inf)
            )

    graphs = graphs_with("dseparation", MOST_QUESTIONS, GRAPHS)
    asked = {k: [replace(item, questions=item.questions[:k]) for item in graphs] for k in doubling(1, MOST_QUESTIONS)}
    return {
        "prompts": {n: lambda n=n: score(answerer, prompts[:n]) for n in doubling(FEWEST_PROMPTS, most)},
        "length": {width: lambda width=width: read(width) for width in doubling(SHORTEST, longest)},
        "questions": {k: lambda k=k: score(answerer, asked[k]) for k in asked},
        "batch": {b: lambda b=b: score(answerer, prompts, b) for b in doubling(FEWEST_TOKENS, MOST_TOKENS)},
    }


def grow(model: str, most: int, longest: int, repetitions: int) -> tuple[list[dict], dict]:
    """A row for everything that grows: model, grows, sizes, seconds, exponent; and what was loaded."""
    cfg = configuration(model, script="evaluate")
    answerer, loaded = load_answerer(cfg.model)
    rows = []
    for name, sizes in works(answerer, most, longest).items():
        sizes[min(sizes)]()  # the first pass of a process is slower
        times = [seconds(work, repetitions) for work in sizes.values()]
        rows.append(
            {
                "model": model,
                "grows": name,
                "sizes": list(sizes),
                "seconds": times,
                "exponent": exponent(list(sizes), times),
            }
        )
    return rows, loaded


def draw(rows: Sequence[dict], models: Sequence[str], path: Path) -> None:
    """One panel for everything that grows, a line a model with its exponent."""
    figure, axes = panels(len(AXES), 2, 5.0, 3.4)
    for axis, (name, label) in zip(axes, AXES.items(), strict=True):
        for row in (row for row in rows if row["grows"] == name):
            colour = PALETTE[models.index(row["model"])]
            axis.plot(
                row["sizes"],
                row["seconds"],
                "o-",
                color=colour,
                label=f"{row['model']}: exponent {_said(row['exponent'])}",
            )
        axis.set(xscale="log", xlabel=label, ylabel="seconds")
        if all(row["exponent"] is None for row in rows if row["grows"] == name):
            axis.set_ylim(0, 1.1 * axis.get_ylim()[1])  # else a few per cent look like a cliff
        else:
            axis.set_yscale("log")
        axis.set_xticks([size for row in rows if row["grows"] == name for size in row["sizes"]])
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        # a range of less than a power of ten has only minor ticks, and is told by them
        low, high = axis.get_ylim()
        axis.yaxis.set_minor_formatter("{x:.3g}" if high < 10 * low else NullFormatter())
        axis.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def markdown(result: dict) -> str:
    lines = ["# How the time of scoring grows", "", "![](growth.png)", ""]
    lines += ["| model | what grows | from | to | seconds | exponent |", "|---|---|---|---|---|---|"]
    for row in result["rows"]:
        sizes, times = row["sizes"], row["seconds"]
        shown = f"{sizes[0]} | {sizes[-1]} | {times[0]:.3g} to {times[-1]:.3g} | {_said(row['exponent'])}"
        lines.append(f"| {row['model']} | {AXES[row['grows']]} | {shown} |")
    machine = result["provenance"]["machine"]
    lines += ["", f"`{result['provenance']['command']}`, {result['threads']} threads of {machine['processor']}.", ""]
    return "\n".join(lines)


def measure(settings: dict) -> dict:
    """The rows of all models; draws the figure, too."""
    models = settings["model"].split(",")
    for model in models:
        configuration(model)  # an unknown one is refused before any work
    grown = [grow(model, settings["most"], settings["longest"], settings["repetitions"]) for model in models]
    rows = [row for own, _ in grown for row in own]
    draw(rows, models, Path(settings["out"]) / "growth.png")
    loaded = {model: one for model, (_, one) in zip(models, grown, strict=True)}
    return {"rows": rows, "loaded": loaded, "threads": torch.get_num_threads()}


def main(arguments: Sequence[str]) -> int:
    numbers = {"most": 2 * FEWEST_PROMPTS, "longest": 2 * SHORTEST, "repetitions": 1}
    return report_command("benchmarks.growth", arguments, DEFAULTS, measure, markdown, numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
