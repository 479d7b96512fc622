"""The parser and the reader of question files under atheris, which steers its inputs by the branches that they take.

    pip install atheris                                    its wheels are for Linux; nothing else here needs it
    python -m benchmarks.fuzz_atheris                      ten minutes, an equal share for each reader
    python -m benchmarks.fuzz_atheris seconds=60 out=DIR

benchmarks/fuzz.py breaks valid inputs at random and tries every reader; this one starts from the same valid inputs and
keeps what reaches a new branch. An error that a reader does not document, an answer that contradicts itself and an input
that takes more than ten seconds are failures. Writes fuzz_atheris.json and .md into out=, by default results/benchmarks.
"""

import contextlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from input_output.command_line import read_settings, whole
from records.provenance import provenance
from records.reports import write_report

NAME = "fuzz_atheris"
DEFAULTS = {"seconds": "600", "seed": "0", "out": "results/benchmarks"}
READERS = ("premise", "hypothesis", "questions.jsonl, bytes")
LIMIT = 10  # seconds for one input
VALID = 200  # inputs to start from


def fuzz_here(name: str, folder: str, options: Sequence[str]) -> None:
    """Fuzz one reader in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["causal_tasks", "input_output"]):
        from benchmarks.fuzz_readers import readers
        from causal_tasks.randomness import generator

    (reader,) = (reader for reader in readers(Path(folder)) if reader.name == name)
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for i in range(VALID):
        made = reader.make(generator(NAME, reader.name, i))
        content = made if isinstance(made, bytes) else made.encode("utf-8", "surrogateescape")
        (corpus / str(i)).write_bytes(content)
    of_text = name in ("premise", "hypothesis")

    def one(data: bytes) -> None:
        with contextlib.suppress(reader.documented):
            reader.read(data.decode("utf-8", "surrogateescape") if of_text else data)

    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def fuzz(name: str, seconds: int, seed: int) -> dict:
    """What became of one reader in so many seconds: inputs, branches reached, the failure that ended it or None."""
    with tempfile.TemporaryDirectory() as folder:
        options = [f"-max_total_time={seconds}", f"-seed={seed + 1}", f"-timeout={LIMIT}", "-print_final_stats=1"]
        command = [sys.executable, "-m", f"benchmarks.{NAME}", "--here", name, folder, *options]
        ended = subprocess.run(
            [*command, f"-artifact_prefix={folder}/"], capture_output=True, text=True, errors="replace"
        )
    said = ended.stdout + ended.stderr
    inputs = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    reached = re.findall(r"cov: (\d+)", said)
    failure = None if ended.returncode == 0 and inputs else said[-2000:]
    return {
        "reader": name,
        "inputs": int(inputs[1]) if inputs else 0,
        "branches": int(reached[-1]) if reached else 0,
        "seconds": seconds,
        "failure": failure,
    }


def markdown(result: dict) -> str:
    rows = result["readers"]
    lines = [
        "# Inputs that atheris steers",
        "",
        "*branches*: of the project's code, reached by the inputs. *failed*: an error that is not documented, or an input "
        f"that took more than {LIMIT} s; the first ends a reader's run.",
        "",
        "| reader | inputs | branches | failed | seconds |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['reader']} | {r['inputs']:,} | {r['branches']} | {int(r['failure'] is not None)} | {r['seconds']} |"
        for r in rows
    ]
    failed = sum(row["failure"] is not None for row in rows)
    lines += [f"| all | {sum(r['inputs'] for r in rows):,} | | {failed} | {sum(r['seconds'] for r in rows)} |", ""]
    lines += [f"{row['reader']}:\n\n```\n{row['failure']}\n```\n" for row in rows if row["failure"]]
    return "\n".join([*lines, f"`python -m benchmarks.{NAME}` with seed {result['seed']}.", ""])


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--here"]:
        fuzz_here(arguments[1], arguments[2], arguments[3:])
    try:
        settings = read_settings(arguments, DEFAULTS)
        seconds, seed = (whole(settings, key) for key in ("seconds", "seed"))
        if seconds < len(READERS):
            raise ValueError(f"seconds= is at least {len(READERS)}, one for each reader")
        if importlib.util.find_spec("atheris") is None:
            raise ValueError("needs atheris; pip install atheris")
    except ValueError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    found = [fuzz(name, seconds // len(READERS), seed) for name in READERS]
    result = {"seed": seed, "limit_seconds": LIMIT, "readers": found, "provenance": provenance()}
    write_report(Path(settings["out"]) / NAME, result, markdown(result))
    print(markdown(result))
    return 1 if any(row["failure"] for row in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
