"""Questions drawn per second, labels included, and how long 350,000 of them take to be written.

    python -m benchmarks.data_speed                                5 repetitions of 20,000 questions
    python -m benchmarks.data_speed questions=2000 repetitions=1 written=0 out=DIR

Every repetition draws the training split of another seed. Seconds are those of the processor (one core, one process), so
that other load on the machine counts as little as it can. Beside the speed stands what cannot be saved while the questions
stay the same: how many random numbers one question takes, and an upper bound, the speed if nothing were done with these
numbers. `written` questions of each training set and of each of the paper's five suites are then exported.
Writes data_speed.json and .md into out=, by default results/benchmarks.
"""

import contextlib
import cProfile
import io
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from causal_tasks.export import main as export
from causal_tasks.randomness import Stream
from causal_tasks.spec import PUBLISHED_SUITE
from causal_tasks.suites import build
from records.reports import report_command

DEFAULTS = {"questions": "20000", "repetitions": "5", "written": "50000", "out": "results/benchmarks"}
CASES = tuple(
    (task, protocol, count)
    for task in ("transitivity", "dseparation")
    for protocol, count in (("released", 1), ("corrected", 1), ("corrected", 4))
)
DRAWS = ("getrandbits", "random")
WRITTEN = (("transitivity", "train"), ("dseparation", "train"), *PUBLISHED_SUITE)


def speed(task: str, protocol: str, count: int, questions: int, repetitions: int) -> dict:
    """Questions per second of every repetition, and random numbers a question, of one training split."""
    rates = []
    for seed in range(repetitions):
        started = time.process_time()
        build(task, protocol, "train", questions, seed, count)
        rates.append(questions / (time.process_time() - started))
    numbers = _random_numbers(task, protocol, count, min(questions, 4000))
    return {
        "task": task,
        "protocol": protocol,
        "questions_per_graph": count,
        "questions_per_second": rates,
        "random_numbers_a_question": numbers,
        "bound_per_second": 1 / (numbers * _seconds_a_number()),
    }


def _random_numbers(task: str, protocol: str, count: int, questions: int) -> float:
    profiler = cProfile.Profile()
    profiler.runcall(build, task, protocol, "train", questions, 0, count)
    calls = {name: numbers[1] for (_, _, name), numbers in pstats.Stats(profiler).stats.items()}
    return (
        sum(n for name, n in calls.items() if any(f"'{draw}' of '_random.Random'" in name for draw in DRAWS))
        / questions
    )


def _seconds_a_number(draws: int = 1_000_000) -> float:
    draw = Stream(0).getrandbits
    started = time.process_time()
    for _ in range(draws):
        draw(3)
    return (time.process_time() - started) / draws


def write_all(protocol: str, questions: int) -> dict:
    """Processor and wall seconds to export WRITTEN, `questions` each, with their cards."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        started, processor = time.perf_counter(), time.process_time()
        for number, (task, split) in enumerate(WRITTEN):
            out = Path(folder) / f"{number}.jsonl"
            status = export([f"task={task}", f"protocol={protocol}", f"split={split}", f"n={questions}", f"out={out}"])
            if status:
                raise RuntimeError(f"{task} {protocol} {split}: the export failed")
        seconds = {"seconds": time.process_time() - processor, "wall_seconds": time.perf_counter() - started}
    return {"protocol": protocol, "questions": questions * len(WRITTEN), **seconds}


def markdown(result: dict) -> str:
    lines = [
        "# Questions drawn and written per second",
        "",
        "| task | protocol | K | questions/s, median | slowest | fastest | random numbers a question | questions/s if drawing these were all |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in result["drawn"]:
        rates = row["questions_per_second"]
        lines.append(
            f"| {row['task']} | {row['protocol']} | {row['questions_per_graph']} | {statistics.median(rates):,.0f} "
            f"| {min(rates):,.0f} | {max(rates):,.0f} | {row['random_numbers_a_question']:.0f} | {row['bound_per_second']:,.0f} |"
        )
    if result["written"]:
        lines += ["", "| written | protocol | seconds of the processor | seconds on the clock |", "|---|---|---|---|"]
    for row in result["written"]:
        lines.append(f"| {row['questions']:,} | {row['protocol']} | {row['seconds']:.1f} | {row['wall_seconds']:.1f} |")
    lines += [
        "",
        f"`python -m benchmarks.data_speed`: training splits, {len(result['drawn'][0]['questions_per_second'])} seeds, labels "
        f"included, seconds of one core of {result['provenance']['machine']['processor']}. The last column is an upper bound, "
        "not a goal: every number still has to choose an edge, a name or a node. Corrected questions with one on a graph "
        "discard many graphs for one that has the wanted stratum and answer (d-separation: 17 graphs a question), and "
        "drawing fewer would make other questions.",
        "",
    ]
    return "\n".join(lines)


def measure(settings: dict) -> dict:
    written = ("released", "corrected") if settings["written"] else ()
    return {
        "drawn": [speed(*case, settings["questions"], settings["repetitions"]) for case in CASES],
        "written": [write_all(protocol, settings["written"]) for protocol in written],
    }


def main(arguments: Sequence[str]) -> int:
    numbers = {"questions": 1, "repetitions": 1, "written": 0}
    return report_command("benchmarks.data_speed", arguments, DEFAULTS, measure, markdown, numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
