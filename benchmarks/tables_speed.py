"""How long `python tables.py` takes on many large runs, without the start of Python.

    python -m benchmarks.tables_speed                     25 seeds of the paper's four trainings and the untrained model, 250,000 margins each
    python -m benchmarks.tables_speed seeds=2 margins=20000 repetitions=1
    python -m benchmarks.tables_speed profile=30          also the functions that take longest

The results folder is made up, in a temporary place, from a committed run of each variant: its record, settings, log and
metrics as they are, its margins repeated under new ids until there are enough, with noise of each seed's own. Then all
tables and figures are written, `repetitions` times. Writes tables_speed.json and .md into out=, by default results/benchmarks.
"""

import cProfile
import io
import pstats
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from omegaconf import OmegaConf
from pyarrow import parquet

from records.reports import report_command
from records.run_folder import RunFolder, find_runs
from reporting import write_all
from reporting.groups import VARIANTS

DEFAULTS = {"seeds": "25", "margins": "250000", "repetitions": "5", "profile": "0", "out": "results/benchmarks"}
RESULTS = Path(__file__).parents[1] / "results"
SUITE_SHARES = {"published": 0.20, "corrected": 0.48, "validation": 0.02, "adversarial": 0.30}


def make_results(folder: Path, seeds: int, margins: int) -> int:
    """Write runs/VARIANT/seedK for all variants and seeds, of which the untrained model has none; return the margins of one run."""
    for number, template in enumerate(_templates()):
        config = template.trained_with()
        tables = {
            suite: _repeated(template.evaluation(suite) / "margins.parquet", margins * share)
            for suite, share in SUITE_SHARES.items()
        }
        for seed in range(seeds if config.training.enabled else 1):
            run = RunFolder(folder / f"runs/{config.variant}/seed{seed}")
            noise = np.random.default_rng((seed, number))
            for suite, table in tables.items():
                target = run.evaluation(suite)
                target.mkdir(parents=True)
                shutil.copy(template.evaluation(suite) / "metrics.json", target)
                noisy = pa.array(table["margin"].to_numpy() + noise.normal(size=len(table)).astype(np.float32))
                table = table.set_column(table.schema.get_field_index("margin"), "margin", noisy)
                parquet.write_table(table, target / "margins.parquet", compression="zstd")
            shutil.copy(template.record, run.path)
            if template.training_log.is_file():
                shutil.copy(template.training_log, run.path)
            OmegaConf.save(OmegaConf.merge(config, {"seed": seed}), run.config)
    return sum(map(len, tables.values()))


def _templates() -> list[RunFolder]:
    """The committed runs of `make run`, one of each variant, all asked the same questions."""
    found = {}
    for run in map(RunFolder, find_runs(RESULTS / "runs")):
        config = run.trained_with()
        if config.training.samples == 1024 and config.get("grid") == "five_variants":
            found[config.variant] = run
    return [found[variant] for variant in VARIANTS]


def _repeated(path: Path, rows: float) -> pa.Table:
    """The margins of one suite, again and again under new ids and graphs, to about `rows` rows."""
    table = pd.read_parquet(path)
    copies = max(1, round(rows / len(table)))
    many = pd.concat([table] * copies, ignore_index=True)
    copy = pd.Series(np.repeat(np.arange(copies), len(table)), dtype=str)
    names = [name for name in ("id", "graph", "block", "stratum/pair") if name in many]
    return pa.Table.from_pandas(many.assign(**{name: many[name] + "-" + copy for name in names}), preserve_index=False)


def measure(settings: dict) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        size = make_results(folder, settings["seeds"], settings["margins"])
        seconds, wall_seconds = [], []
        for _ in range(settings["repetitions"]):
            started, processor = time.perf_counter(), time.process_time()
            summary = write_all(folder, folder / "out")
            seconds.append(time.process_time() - processor)
            wall_seconds.append(time.perf_counter() - started)
        longest = _profile(folder, settings["profile"]) if settings["profile"] else None
    return {
        "runs": summary.finished,
        "margins_of_a_run": size,
        "tables": len(summary.tables),
        "figures": len(summary.figures),
        "problems": len(summary.problems),
        "seconds": seconds,
        "wall_seconds": wall_seconds,
        "profile": longest,
    }


def _profile(folder: Path, functions: int) -> str:
    profiler, text = cProfile.Profile(time.process_time), io.StringIO()
    profiler.runcall(write_all, folder, folder / "out")
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("cumulative").print_stats(functions)
    return text.getvalue()


def markdown(result: dict) -> str:
    seconds = result["seconds"]
    lines = [
        "# How long the tables and figures of many large runs take",
        "",
        "| runs | margins of a run | tables | figures | processor seconds, median | fastest | slowest | on the clock, median | repetitions |",
        "|---|---|---|---|---|---|---|---|---|",
        f"| {result['runs']} | {result['margins_of_a_run']} | {result['tables']} | {result['figures']} "
        f"| {statistics.median(seconds):.1f} | {min(seconds):.1f} | {max(seconds):.1f} | {statistics.median(result['wall_seconds']):.1f} | {len(seconds)} |",
        "",
        f"`python -m benchmarks.tables_speed` on {result['provenance']['machine']['processor']}, one process; processor "
        "seconds, because other work on the machine lengthens those on the clock.",
        "",
    ]
    if result["profile"]:
        lines += ["```", result["profile"].strip(), "```", ""]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    numbers = {"seeds": 1, "margins": 1, "repetitions": 1, "profile": 0}
    return report_command("benchmarks.tables_speed", arguments, DEFAULTS, measure, markdown, numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
