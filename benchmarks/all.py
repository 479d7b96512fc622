"""Every benchmark of speed, one after the other, for one model after the other: `make benchmark`.

    python -m benchmarks.all lm_eval=PROGRAM trl=PYTHON                 both models, 40 minutes on two cores with bf16
    python -m benchmarks.all model=smollm2_135m                         without the peers, which are skipped

Each runs in a process of its own and writes into out=, by default results/benchmarks. A model whose weights are not installed
is left out. Last, the tables and the list of goals are put between the markers of benchmarks/README.md; with an out= of one's
own, another machine's, into README.md there.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import goals
from benchmarks.measuring import CONF, comparison_table
from benchmarks.scoring_speed import VERDICTS
from input_output.command_line import read_settings
from input_output.reading import read_json
from input_output.writing import replace_between, write_text

NAME = "all"
DEFAULTS = {"model": "gemma3_270m,smollm2_135m", "lm_eval": "", "trl": "", "out": "results/benchmarks"}
# Benchmark → its settings here; the first tells whether the model can be loaded.
SIZES = {
    "released_way": ("n=8", "batch=4"),
    "training_speed": (),
    "side_by_side": (),
    "scoring_speed": ("n=160", "plain=10", "harness=64", "graphs=4"),
    "against_trl": (),
}
TABLES = ("training_speed", "side_by_side", "scoring_speed", "against_trl")
PEERS = {"scoring_speed": "lm_eval", "against_trl": "trl"}
REFUSED = 2  # settings or weights that are not there
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def run(name: str, settings: Sequence[str]) -> int:
    """One benchmark in a process of its own; its exit status."""
    print(f"== {name} {' '.join(settings)}", flush=True)
    started = time.monotonic()
    status = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *settings], cwd=CONF.parent).returncode
    print(f"== {time.monotonic() - started:.0f} s", flush=True)
    return status


def run_all(models: Sequence[str], settings: dict[str, str]) -> list[str]:
    """Run everything; returns what failed."""
    out = f"out={Path(settings['out']).absolute()}"
    failed, loaded = [], []
    for model in models:
        for name, sizes in SIZES.items():
            peer = [f"{PEERS[name]}={settings[PEERS[name]]}"] if name in PEERS else []
            if status := run(name, [f"model={model}", *sizes, *peer, out]):
                failed.append(f"{name} model={model}")
                if status == REFUSED and name == next(iter(SIZES)):
                    break
        else:
            loaded.append(model)
    # one figure for all of them
    if loaded and run("growth", [f"model={','.join(loaded)}", out]):
        failed.append("growth")
    return failed


def table(folder: Path, models: Sequence[str]) -> str:
    """What was measured last, a section a model; peers that were not there are missing."""
    sections = []
    for model in models:
        found = {name: read_json(path) for name in TABLES if (path := folder / f"{name}_{model}.json").exists()}
        if not found:
            continue
        rows = [row for result in found.values() for row in result["rows"]]
        sections.append(f"### {model}\n\n{comparison_table(rows)}\n\n{_notes(found)}")
    return "\n\n".join(sections)


def _notes(found: Mapping[str, dict]) -> str:
    """Peaks, memory and verdicts, as far as they were measured, and the machines, each with what was measured on it."""
    notes = []
    for result in found.values():
        peaks = ", ".join(
            f"{value / 1e9:.0f} GFLOP/s in {precision}" for precision, value in result.get("peaks", {}).items()
        )
        if memory := result.get("memory"):
            step, head = (f"{memory[part] / 2**30:.2f} GiB" for part in ("step", "head"))
            texts = f"{memory['rows']} whole texts of {memory['width']} tokens"
            notes.append(
                f"Peak in training's run: {peaks}. A step on {texts} takes {step} beyond the model; head and loss alone take {head}."
            )
        if verdicts := result.get("verdicts"):
            told = "; ".join(
                f"{one['flips']} of {one['questions']}, {VERDICTS[name]}" for name, one in verdicts.items()
            )
            notes.append(f"Peak in scoring's run: {peaks}. Verdicts that differ: {told}.")
    measured: dict[str, list[str]] = {}
    for name, result in found.items():
        made = result["provenance"]
        machine = (
            f"{result['threads']} threads of {made['machine']['processor']}, {made['machine']['cores']} cores, "
            f"torch {made['versions']['torch']}, commit {(made['commit'] or 'unknown')[:7]}"
        )
        measured.setdefault(machine, []).append(name)
    machines = "; ".join(f"{machine} ({', '.join(names)})" for machine, names in measured.items())
    return "\n".join([*notes, f"Machine: {machines}."])


def write_page(out: str, models: Sequence[str], took: str) -> None:
    """The tables, how long all of it `took`, and the list of goals: in benchmarks/README.md, or of another out= in README.md there."""
    folder = Path(out)
    measured = f"{table(folder, models)}\n\n{took}"
    if out == DEFAULTS["out"]:
        write_text(README, replace_between(README.read_text(encoding="utf-8"), BEGIN, END, measured))
        goals.write(folder)
    else:
        heading = "## Goals\n\nSet for two cores that reach 400 GFLOP/s in bf16."
        write_text(folder / README.name, f"# Speed\n\n{measured}\n\n{heading}\n\n{goals.table(folder)}\n")


def main(arguments: Sequence[str]) -> int:
    try:
        settings = read_settings(arguments, DEFAULTS)
    except ValueError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    models = settings["model"].split(",")
    started = time.monotonic()
    failed = run_all(models, settings)
    took = f"`python -m benchmarks.all`, {' and '.join(models)}, took {(time.monotonic() - started) / 60:.0f} minutes."
    write_page(settings["out"], models, took)
    print("written" if not failed else f"failed: {'; '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
