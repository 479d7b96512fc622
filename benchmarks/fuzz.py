"""What the readers make of inputs that are broken: accepted, or refused with the documented error, or neither.

    python -m benchmarks.fuzz                              110,000 inputs, about a minute
    python -m benchmarks.fuzz inputs=2000 seed=1 out=DIR
    python -m benchmarks.fuzz only=metrics.json:1234       this one input again, with its traceback

Input i of a reader depends only on (seed, reader, i). An error that the reader does not document, an answer that
contradicts itself (what was accepted cannot be said and read again, a file of questions cannot be checked) and an
input that takes more than LIMIT seconds are failures: they are listed, and the exit status is 1.
Writes fuzz.json and .md into out=, by default results/benchmarks.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.fuzz_readers import Reader, readers
from causal_tasks.randomness import generator
from input_output.command_line import read_settings, whole
from input_output.reading import shortened
from records.provenance import provenance
from records.reports import write_report

NAME = "fuzz"
DEFAULTS = {"inputs": "110000", "seed": "0", "only": "", "out": "results/benchmarks"}
LIMIT = 10.0  # seconds for one input, on a machine that does other things too
EXAMPLES = 5  # failures of a reader that are listed in full


class TooLong(BaseException):
    """Not an Exception: no reader may take it for one of its own."""


def try_reader(reader: Reader, inputs: int, seed: int, limit: float = LIMIT) -> dict:
    """Counts of what became of `inputs` inputs: accepted, refused, failed, too_long; the first failures; seconds."""
    found = {"reader": reader.name, "inputs": inputs, "accepted": 0, "refused": 0, "failed": 0, "too_long": 0}
    failures, started = [], time.perf_counter()
    for i in tqdm(range(inputs), desc=reader.name, disable=None):
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            outcome = "accepted" if read_one(reader, i, seed) else "refused"
        except TooLong:
            outcome = "too_long"
        except Exception as error:  # an error of any kind is what is looked for
            outcome = "failed"
            if len(failures) < EXAMPLES:
                failures.append({"input": i, "error": f"{type(error).__name__}: {shortened(str(error), 300)}"})
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        found[outcome] += 1
        if outcome == "too_long" and len(failures) < EXAMPLES:
            failures.append({"input": i, "error": f"more than {limit:g} s"})
    return found | {"failures": failures, "seconds": round(time.perf_counter() - started, 1)}


def read_one(reader: Reader, index: int, seed: int) -> bool:
    """Whether the reader accepts input `index`; raises what it raises, but for the errors it documents."""
    broken = reader.make(generator("fuzz", seed, reader.name, index))
    try:
        return reader.read(broken)
    except reader.documented:
        return False


def campaign(inputs: int, seed: int) -> dict:
    """All readers, each with its share of the inputs."""
    before = signal.signal(signal.SIGALRM, _stop)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = [try_reader(reader, max(1, round(inputs * reader.share)), seed) for reader in readers(Path(folder))]
    finally:
        signal.signal(signal.SIGALRM, before)
    return {"seed": seed, "limit_seconds": LIMIT, "readers": found, "provenance": provenance()}


def _stop(*_) -> None:
    raise TooLong


def failures_of(result: dict) -> int:
    return sum(row["failed"] + row["too_long"] for row in result["readers"])


def markdown(result: dict) -> str:
    rows = result["readers"]
    columns = ("inputs", "accepted", "refused", "failed", "too_long")
    lines = [
        "# Broken inputs",
        "",
        "Valid inputs changed at random (benchmarks/mutations.py). *accepted*: read, and what was read could be used; "
        "*refused*: one line that names what is wrong; *failed*: any other error; *too long*: more than "
        f"{result['limit_seconds']:g} s.",
        "",
        "| reader | inputs | accepted | refused | failed | too long | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {r['reader']} | {' | '.join(f'{r[c]:,}' for c in columns)} | {r['seconds']:.0f} |" for r in rows]
    total = " | ".join(f"{sum(r[c] for r in rows):,}" for c in columns)
    lines += [f"| all | {total} | {sum(r['seconds'] for r in rows):.0f} |", ""]
    for row in rows:
        lines += [f"- {row['reader']}:{one['input']}: {one['error']}" for one in row["failures"]]
    lines += ["", f"`python -m benchmarks.{NAME}` with seed {result['seed']}.", ""]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    try:
        settings = read_settings(arguments, DEFAULTS)
        inputs, seed = (whole(settings, key) for key in ("inputs", "seed"))
        name, _, index = settings["only"].rpartition(":")
        if inputs < 1 or (settings["only"] and not index.isdigit()):
            raise ValueError("inputs= is a whole number from 1, only= is READER:INPUT")
    except ValueError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    if settings["only"]:
        with tempfile.TemporaryDirectory() as folder:
            (reader,) = (reader for reader in readers(Path(folder)) if reader.name == name)
            print(f"{reader.make(generator('fuzz', seed, name, int(index)))!r}")
            print("accepted" if read_one(reader, int(index), seed) else "refused")
        return 0
    result = campaign(inputs, seed)
    write_report(Path(settings["out"]) / NAME, result, markdown(result))
    print(markdown(result))
    return 1 if failures_of(result) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
