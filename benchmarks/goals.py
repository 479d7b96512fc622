"""What this project set out to reach in speed, and what of it was: the list in benchmarks/README.md.

    python -m benchmarks.goals [from=results/benchmarks]          reads the reports there, measures nothing

A goal is held against the median of its report. One whose report or row is not there is listed as not measured.
"""

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from input_output.command_line import read_settings
from input_output.reading import read_json
from input_output.writing import replace_between, write_text

NAME = "goals"
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- goals: begin -->", "<!-- goals: end -->"
MODELS = ("gemma3_270m", "smollm2_135m")


@dataclass(frozen=True)
class Goal:
    """`read` takes the report's content (None: it says nothing of this); at least `wanted` is the goal, or at most where
    less is better."""

    what: str
    wanted: float
    report: str
    read: Callable[[dict], float | None]
    most: bool = False
    each_model: bool = True

    def reached(self, value: float) -> bool:
        return value <= self.wanted if self.most else value >= self.wanted


def _row(key: str, case: str, peer: str = "") -> Callable[[dict], float | None]:
    """The median of a comparison, or another number of it, by what its case and peer begin with; the least of several.
    {own} in the case is the precision that was the model's own."""

    def read(report: dict) -> float | None:
        begins = case.format(own=report["loaded"]["precision"]) if "{own}" in case else case
        rows = [r for r in report["rows"] if r["case"].startswith(begins) and r["peer"].startswith(peer)]
        return min((row[key]["median"] if isinstance(row[key], dict) else row[key] for row in rows), default=None)

    return read


def _median(measured: float | list[float]) -> float:
    return statistics.median(measured) if isinstance(measured, list) else measured


def _drawn(task: str) -> Callable[[dict], float]:
    def read(report: dict) -> float:
        alone = {"task": task, "protocol": "corrected", "questions_per_graph": 1}
        (row,) = (row for row in report["drawn"] if alone.items() <= row.items())
        return _median(row["questions_per_second"])

    return read


ANSWER, SEMANTIC = "training, answer", "training, published"
TOGETHER = "scoring, {}, K = 12"
GOALS = (
    Goal("training, answer cross-entropy, questions/s", 12, "training_speed", _row("ours", ANSWER)),
    Goal("the same, share of the peak", 0.65, "training_speed", _row("share_of_peak", ANSWER)),
    Goal("training, published semantic loss, questions/s", 10, "training_speed", _row("ours", SEMANTIC)),
    Goal("the same, share of the peak", 0.65, "training_speed", _row("share_of_peak", SEMANTIC)),
    Goal("training, whole-text cross-entropy, questions/s", 4.5, "training_speed", _row("ours", "training, whole")),
    Goal(
        "head and loss of 64 × 128 tokens, GiB", 0.25, "training_speed", lambda r: r["memory"]["head"] / 2**30, most=True
    ),
    Goal("training, 8 questions a graph, questions/s", 25, "training_speed", _row("ours", "training, 8")),
    Goal(
        "gradients against the released way's (head in fp64), relative, fp32", 1e-5, "released_way",
        lambda r: max(row["whole_exact"] for row in r["rows"]), most=True,
    ),
    Goal("training against TRL's SFTTrainer", 2, "against_trl", _row("ratio", ANSWER)),
    Goal("scoring in bf16, questions/s", 18, "scoring_speed", _row("ours", "scoring, bf16", "released")),
    Goal("scoring against the released way", 10, "scoring_speed", _row("ratio", "scoring, {own}", "released")),
    Goal("scoring against the lm-evaluation-harness", 2, "scoring_speed", _row("ratio", "scoring, {own}", "lm_eval")),
    Goal(
        "verdicts other than the released way's, fp32", 0, "scoring_speed", lambda r: r["verdicts"]["released"]["flips"],
        most=True,
    ),
    Goal(
        "12 questions a graph against prompts that share nothing, transitivity", 3, "scoring_speed",
        _row("ratio", TOGETHER.format("transitivity")),
    ),
    Goal("the same, d-separation", 3, "scoring_speed", _row("ratio", TOGETHER.format("dseparation"))),
    Goal("transitivity questions drawn/s, one a graph", 50_000, "data_speed", _drawn("transitivity"), each_model=False),
    Goal("d-separation questions drawn/s, one a graph", 20_000, "data_speed", _drawn("dseparation"), each_model=False),
    Goal(
        "350,000 questions written, processor seconds, either protocol", 60, "data_speed",
        lambda r: max(_median(written["seconds"]) for written in r["written"]), most=True, each_model=False,
    ),
    Goal(
        "the same on the clock, seconds", 60, "data_speed",
        lambda r: max(_median(written["wall_seconds"]) for written in r["written"]), most=True, each_model=False,
    ),
    Goal(
        "tables and figures of 100 runs × 250,000 margins, processor seconds", 10, "tables_speed",
        lambda r: statistics.median(r["seconds"]), most=True, each_model=False,
    ),
)  # fmt: skip


def rows(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """(goal, wanted, measured, reached) of every goal."""
    for goal in GOALS:
        names = {m: f"{goal.report}_{m}" for m in MODELS} if goal.each_model else {"": goal.report}
        found = {
            model: value
            for model, name in names.items()
            if (path := folder / f"{name}.json").is_file() and (value := goal.read(read_json(path))) is not None
        }
        reached = [model for model, value in found.items() if goal.reached(value)]
        word = "yes" if len(reached) == len(names) else "not measured" if not found else ", ".join(reached) or "no"
        measured = ", ".join(f"{_number(value)} {model}".strip() for model, value in found.items()) or "–"
        yield goal.what, f"{'≤' if goal.most else '≥'} {_number(goal.wanted)}", measured, word


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"


def table(folder: Path) -> str:
    lines = ["| goal | wanted | measured | reached |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(cells)} |" for cells in rows(folder)])


def write(folder: Path) -> None:
    """Put the list between its markers in benchmarks/README.md."""
    write_text(README, replace_between(README.read_text(encoding="utf-8"), BEGIN, END, table(folder)))


def main(arguments: Sequence[str]) -> int:
    try:
        settings = read_settings(arguments, {"from": "results/benchmarks"})
        if not Path(settings["from"]).is_dir():
            raise ValueError(f"from={settings['from']}: no such folder")
    except ValueError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    write(Path(settings["from"]))
    print(table(Path(settings["from"])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
