"""sweep.py as its users start it, and what became of it."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
# A hundred and twenty steps of training with fourteen checkpoints: seconds, so that there is something to interrupt, on a quick core too.
GRID = [
    "scale=smoke", "model=tiny", "tracking=none", "training.samples=960", "training.checkpoint_every=8", "probe.every=12",
    "suites.published.samples=4", "suites.corrected.samples=8", "suites.validation.samples=8", "evaluation.resamples=20",
]  # fmt: skip
RUNS = ".smoke/runs"
# Seconds after which nothing is waited for any longer: no measure of speed, so long that a busy core does not reach it.
PATIENCE = 900


class Sweep:
    """sweep.py, or another script, in a folder of its own, as a user would start it."""

    def __init__(
        self, folder: Path, *overrides: str, environment: dict | None = None, script: Sequence[str] = ("sweep.py",)
    ):
        self.folder = folder
        self.command = [sys.executable, *script[:-1], str(ROOT / script[-1]), *GRID, *overrides]
        self.environment = (environment or os.environ) | {"OMP_NUM_THREADS": "1"}
        folder.mkdir(exist_ok=True)

    def start(self) -> subprocess.Popen:
        return subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, expect: int = 0) -> str:
        """What it printed; it must end with the status that is expected."""
        process = self.start()
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == expect, printed[-4000:]
        return printed

    def cell(self, variant: str) -> Path | None:
        """The folder of a variant's run, once it is there."""
        return next(iter(self.folder.glob(f"{RUNS}/*/{variant}/*/seed0")), None)

    def has_checkpoint(self, variant: str) -> bool:
        """Whether a training is under way, and would not begin anew."""
        cell = self.cell(variant)
        return cell is not None and any(cell.glob("checkpoints/checkpoint-*"))

    def finished(self) -> dict[str, int]:
        """Variant → when its record was written, of the runs that are finished."""
        records = self.folder.glob(f"{RUNS}/*/*/*/seed*/run.json")
        return {path.parents[2].name: path.stat().st_mtime_ns for path in records if '"finished"' in path.read_text()}

    def margins(self) -> dict[str, pd.DataFrame]:
        """All margins of all runs, by file."""
        return {
            str(path.relative_to(self.folder)): pd.read_parquet(path)
            for path in self.folder.glob(f"{RUNS}/**/margins.parquet")
        }

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables without what is not a result: the seconds that it took, and the commit."""
        tables = {path.name: pd.read_csv(path) for path in (self.folder / ".smoke/tables").glob("*.csv")}
        return {name: table.drop(columns=["seconds", "commit"], errors="ignore") for name, table in tables.items()}


def until(happened: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for it; fail if it does not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def descendants(process: int) -> list[int]:
    """The processes that a process has started, and those that they have, oldest first."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [process]
    for parent in found:
        found += sorted(child for child, its in parents.items() if its == parent)
    return found[1:]


def working_on(process: int, file: Path) -> list[int]:
    """Those of its descendants that hold a file open: who has the lock of a cell."""
    found = []
    for child in descendants(process):
        with contextlib.suppress(OSError):
            if any(Path(handle).resolve() == file.resolve() for handle in Path(f"/proc/{child}/fd").iterdir()):
                found.append(child)
    return found


def assert_equal_within(tolerance: float, sweep: Sweep, undisturbed: Sweep) -> None:
    """The losses of the semantic transitivity variant at each logged step, and all margins."""
    curves = []
    for each in (sweep, undisturbed):
        lines = (each.cell("transitivity_semantic") / "training_log.jsonl").read_text().splitlines()
        curves.append([line for line in map(json.loads, lines) if "loss" in line])
    assert len(curves[0]) == len(curves[1]) > 5
    for two, one in zip(*curves, strict=True):
        for key in ("loss", "lambda", "loss/semantic"):
            assert two[key] == pytest.approx(one[key], abs=tolerance), (one["step"], key)
    expected = undisturbed.margins()
    for name, table in sweep.margins().items():
        assert (table["margin"] - expected[name]["margin"]).abs().max() < 1e-3, name
