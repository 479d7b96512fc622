"""SIGKILL at random moments of train, evaluate and sweep: does the same command go on to the same margins?

    python -m benchmarks.kill_campaign [kills=20] [scripts=train,evaluate,sweep] [seed=0] [out=results/benchmarks]

Each script runs undisturbed once (tiny model, scale=smoke, fp32). Then it is started and killed at a random moment of that
duration, up to four times in a row, and at last left alone, until there were ``kills`` kills. After each kill every file in
its place must be whole; in the end every margin must be, bit by bit, that of the undisturbed run. Two sweeps are also started at once on one results folder, ``kills`` / 4 times. Processes are forked from
this one, which has imported what is slow to import, so that few kills are spent on imports. Writes kill_campaign.json and .md.
"""

import json
import os
import random
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml

import training.fine_tune  # noqa: F401  the children share what these import
from input_output.command_line import read_settings, whole
from input_output.writing import replace_between, write_text
from records.provenance import provenance
from records.reports import write_report

ROOT = Path(__file__).resolve().parents[1]
NAME = "kill_campaign"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- kill campaign: written by benchmarks/kill_campaign.py -->", "<!-- end of kill campaign -->"
IN_A_ROW = 4
FEW = ["suites.published.samples=8", "suites.corrected.samples=16", "suites.validation.samples=16"]
SMOKE = ["scale=smoke", "tracking=none", "evaluation.resamples=20", "lora.dropout=0.1", *FEW]
COMMANDS = {
    "train": ["train.py", *SMOKE, "out=run", "resume=true"],
    "evaluate": [
        "evaluate.py",
        "run=run",
        "suite=corrected",
        "suite.samples=64",
        "out=scored",
        "tracking=none",
        "evaluation.yardstick_questions=200",
    ],
    "sweep": ["sweep.py", *SMOKE, "results=results", "experiment=transitivity_ce,transitivity_semantic"],
}


class Lost(Exception):
    """What must not happen: other margins, a file that cannot be read, a command that does not go on."""


def start(command: Sequence[str], folder: Path, log: str = "log.txt") -> int:
    """Start a script in a process of its own; the process's number."""
    child = os.fork()
    if child == 0:
        _become(command, folder, log)
    return child


def run(command: Sequence[str], folder: Path, kill_after: float | None = None) -> int | None:
    """Run a script to its end; its exit status, None if it was killed after so many seconds."""
    started = time.monotonic()
    child = start(command, folder)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if kill_after is not None and time.monotonic() - started >= kill_after:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.002)


def _become(command: Sequence[str], folder: Path, name: str) -> None:
    """Turn the forked process into the script; does not return."""
    code = 1
    try:
        log = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(folder)
        sys.argv = [str(ROOT / command[0]), *command[1:]]
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        print(ended.code)
    finally:
        sys.stdout.flush()
        os._exit(code)


def unreadable(folder: Path) -> list[str]:
    """Files that are in their place and cannot be read whole; hidden ones are aside, not in their place."""
    readers = {
        ".json": lambda path: json.loads(path.read_text()),
        ".jsonl": lambda path: [json.loads(line) for line in path.read_text().splitlines()],
        ".yaml": lambda path: yaml.safe_load(path.read_text()),
        ".parquet": pd.read_parquet,
    }
    bad = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in readers and not hidden:
            try:
                readers[path.suffix](path)
            except Exception as error:  # whatever it is, the file is not whole
                bad.append(f"{path.relative_to(folder)}: {type(error).__name__}")
    return bad


def margins(folder: Path) -> dict[str, bytes]:
    """Margins under a folder by file, as bytes."""
    return {
        str(path.relative_to(folder)): pd.read_parquet(path).sort_values("id")["margin"].to_numpy().tobytes()
        for path in sorted(folder.rglob("margins.parquet"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def campaign(script: str, kills: int, draw: random.Random, folder: Path) -> dict:
    """Kill one script ``kills`` times. Raises Lost as soon as something is."""
    command = COMMANDS[script]
    reference = _prepared(script, folder / f"{script}-reference")
    duration = _finish(command, reference)
    expected = margins(reference)
    done = rounds = 0
    while done < kills:
        rounds += 1
        where = _prepared(script, folder / f"{script}-{rounds}")
        for _ in range(min(IN_A_ROW, kills - done)):
            started = time.monotonic()
            status = run(command, where, kill_after=draw.uniform(0, duration))
            if status == 0:  # it came too late: the machine is less busy than before
                duration = min(duration, time.monotonic() - started)
                break
            if status is not None:
                raise Lost(f"{script}, round {rounds}: exit status {status}: {_last_line(where)}")
            done += 1
            if bad := unreadable(where):
                raise Lost(f"{script}, round {rounds}: half-written: {', '.join(bad)}")
        _finish(command, where)
        found = margins(where)
        if found != expected:
            different = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
            raise Lost(f"{script}, round {rounds}: other margins in {', '.join(sorted(different))}")
    return {"script": script, "kills": done, "runs": rounds, "margin_files": len(expected), "lost": 0}


def two_at_once(rounds: int, folder: Path) -> dict:
    """Two sweeps of the same cells on one results folder. Raises Lost unless each cell is trained once, as undisturbed."""
    reference = _prepared("sweep", folder / "alone")
    _finish(COMMANDS["sweep"], reference)
    expected = margins(reference)
    for number in range(rounds):
        where = _prepared("sweep", folder / f"both-{number}")
        children = [start(COMMANDS["sweep"], where, log) for log in ("one.txt", "two.txt")]
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        said = "".join((where / log).read_text() for log in ("one.txt", "two.txt"))
        trained = said.count("training on ")
        if statuses != [0, 0] or trained != 2 or margins(where) != expected:
            raise Lost(f"two sweeps, round {number + 1}: exit statuses {statuses}, {trained} trainings of 2 cells")
    return {"rounds": rounds, "cells": 2 * rounds, "trained_twice": 0, "lost": 0}


def _prepared(script: str, folder: Path) -> Path:
    """A folder in which the script can start: evaluate.py needs a run."""
    folder.mkdir(parents=True)
    if script == "evaluate":
        _finish(COMMANDS["train"], folder)
    return folder


def _finish(command: Sequence[str], folder: Path) -> float:
    """Run a script that nobody kills; the seconds that it took."""
    started = time.monotonic()
    status = run(command, folder)
    if status != 0:
        raise Lost(f"{command[0]}: exit status {status} without a kill: {_last_line(folder)}")
    return time.monotonic() - started


def _last_line(folder: Path) -> str:
    return (folder / "log.txt").read_text(errors="replace").strip().splitlines()[-1]


def markdown(report: dict) -> str:
    command = f"`python -m benchmarks.{NAME} kills={report['kills']} seed={report['seed']}`"
    return f"# SIGKILL at random moments\n\n{table(report)}\n\n{command}\n"


def table(report: dict) -> str:
    """The counts, as docs/reliability.md shows them."""
    lines = ["| script | kills survived | runs | margin files compared, each run | lost |", "|:--|--:|--:|--:|--:|"]
    lines += [
        f"| {row['script']} | {row['kills']} | {row['runs']} | {row['margin_files']} | {row['lost']} |"
        for row in report["rows"]
    ]
    both = report["two_sweeps_at_once"]
    if both:
        lines += [
            "",
            f"Two sweeps at once on one results folder, {both['rounds']} times: {both['cells']} cells, each trained once.",
        ]
    return "\n".join(lines)


def into_page(report: dict, page: Path = PAGE) -> None:
    write_text(page, replace_between(page.read_text(encoding="utf-8"), BEGIN, END, f"\n{table(report)}\n"))


def main(arguments: Sequence[str]) -> int:
    defaults = {"kills": "20", "scripts": ",".join(COMMANDS), "seed": "0", "out": "results/benchmarks"}
    try:
        settings = read_settings(arguments, defaults)
        kills, seed = whole(settings, "kills"), whole(settings, "seed")
        scripts = settings["scripts"].split(",")
        if unknown := set(scripts) - set(COMMANDS):
            raise ValueError(f"scripts={', '.join(sorted(unknown))}: must be some of {', '.join(COMMANDS)}")
    except ValueError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    out = Path(settings["out"]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        try:
            both = two_at_once(kills // 4, Path(folder)) if "sweep" in scripts else None
            rows = [campaign(script, kills, random.Random(f"{seed} {script}"), Path(folder)) for script in scripts]
        except Lost as loss:
            print(f"{NAME}: {loss}", file=sys.stderr)
            return 1
    report = {"kills": kills, "seed": seed, "rows": rows, "two_sweeps_at_once": both, "provenance": provenance()}
    write_report(out / NAME, report, markdown(report))
    if out == ROOT / "results/benchmarks":
        into_page(report)
    print(markdown(report))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.exit(main(sys.argv[1:]))
