"""What a newcomer sees in the first half hour: the README's commands, some wrong ones, and something of one's own.

    python -m benchmarks.first_half_hour [out=docs/first_half_hour.md]

Clones this repository's last commit into a temporary folder, runs every command there with this Python, and writes them down
with seconds and what they printed. Raises Harm if a command does not end as it should, or if a tracked file is changed at the end.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from input_output.command_line import read_settings
from input_output.writing import write_text
from records.provenance import provenance

ROOT = Path(__file__).parents[1]
LEFT_OUT = {
    "make run": "about 40 minutes",
    "make test": "several minutes; what it prints is pytest's",
    "python train.py": "8 minutes; below with fewer questions",
    "python train.py task=dseparation loss=cross_entropy": "8 minutes, too",
}
FEW = "suites.validation.samples=8 suites.published.samples=4 suites.corrected.samples=4"
# (what it is, [(command, exit status)])
PARTS = [
    (
        "The README's commands",
        [
            ("python evaluate.py model=smollm2_135m suite=validation suite.samples=4 show=answers", 0),
            ("python train.py scale=smoke", 0),
            (f"python train.py training.samples=32 {FEW}", 0),
            ("python sweep.py plan=true", 0),
            ("python tables.py", 0),
            ("python tables.py results=outputs", 0),
        ],
    ),
    (
        "Four wrong ones",
        [
            ("python train.py +training.sampels=3", 1),
            ("python train.py resume=maybe", 1),
            ("python train.py model=smollm3", 1),
            ("python train.py data.sampler=balanced task.questions_per_graph=4", 1),
        ],
    ),
    (
        "A sweep, and one over the learning rate, on random weights",
        [
            ("python sweep.py scale=smoke", 0),
            ("python train.py -m scale=smoke training.learning_rate=1e-3,2e-3", 0),
        ],
    ),
    (
        "A loss and a suite of one's own, as [extending.md](extending.md) says",
        [
            ("python train.py scale=smoke loss=confident +suite@suites.mine=mine", 0),
            ("python train.py scale=smoke loss=confident +loss.temprature=2", 1),
        ],
    ),
    ("What git says then", [("git status --short", 0)]),
]
IMPORTS = "import torch\n\nfrom losses.cross_entropy import answer_cross_entropy\nfrom losses.loss import Loss, masked_mean\n\n\n"
OWN = {
    "conf/loss/confident.yaml": "_target_: losses.confident.Confident\ntemperature: 2.0\n",
    "conf/suite/mine.yaml": "name: mine\npath: mine.jsonl\n",
    "mine.jsonl": '{"premise": "A causes B. B causes C.", "hypothesis": "Does A cause C?", "label": "Yes"}\n'
    '{"premise": "A causes B. B causes C.", "hypothesis": "Does C cause A?", "label": "No"}\n',
}
# Lines of an output that are kept at its beginning and at its end.
HEAD, TAIL = 14, 14


class Harm(RuntimeError):
    """A command that ends otherwise than it should, or that changes a tracked file."""


def run(command: str, expected: int, clone: Path) -> tuple[str, float]:
    """(what the command printed, seconds)."""
    words = command.split()
    words = [sys.executable, *words[1:]] if words[0] == "python" else words
    started = time.perf_counter()
    ended = subprocess.run(words, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = time.perf_counter() - started
    if ended.returncode != expected:
        raise Harm(f"{command}: exit status {ended.returncode}, not {expected}\n{ended.stdout}")
    return ended.stdout, seconds


def shown(printed: str, clone: Path) -> str:
    """Without the clone's path, libraries' progress bars, and the middle of a long output."""
    text = printed.replace(f"{clone}/", "").replace(str(clone), "causal")
    lines = [line.rstrip() for line in re.sub(r"[^\n]*\r", "", text).splitlines() if "%|" not in line]
    if (hidden := len(lines) - HEAD - TAIL) > 1:
        lines[HEAD:-TAIL] = [f"… {hidden} lines …"]
    return "\n".join(lines).strip("\n")


def changed_files(clone: Path) -> list[str]:
    """Tracked files that are not as they were committed."""
    status = subprocess.run(["git", "status", "--short"], cwd=clone, capture_output=True, text=True, check=True).stdout
    return [line for line in status.splitlines() if not line.startswith("??")]


def page(clone: Path) -> str:
    """The transcript as Markdown."""
    made = provenance()
    machine, cores = made["machine"], len(os.sched_getaffinity(0))
    text = [
        "# The first half hour",
        "",
        "Every command that follows was run by `python -m benchmarks.first_half_hour` "
        f"in a fresh clone of {made['commit'][:10]} after "
        f"`make install`, on {made['finished'][:10]}, with {cores} of {machine['cores']} cores of {machine['processor']}, beside other work; "
        "seconds are wall time. Left out of the README's: "
        + "; ".join(f"`{command}` ({reason})" for command, reason in LEFT_OUT.items())
        + ". The first command unpacks the model's weights into `.cache/` (here they were: CAUSAL_CACHE names another folder).",
    ]
    example = re.search(r"```python\n(.*?)```", (clone / "docs/extending.md").read_text(encoding="utf-8"), re.DOTALL)
    for title, commands in PARTS:
        text += ["", f"## {title}", ""]
        if "own" in title:
            for name, content in (OWN | {"losses/confident.py": IMPORTS + example.group(1)}).items():
                write_text(clone / name, content)
            text += ["Beside the class of that page in `losses/confident.py`:", ""]
            for name, content in OWN.items():
                text += [f"`{name}`", "", "```", content.rstrip(), "```", ""]
        for command, expected in commands:
            print(command, flush=True)
            printed, seconds = run(command, expected, clone)
            ended = f"{seconds:.0f} s" + (f", exit status {expected}" if expected else "")
            text += [f"**`{command}`** ({ended})", "", "```", shown(printed, clone), "```", ""]
    if changed := changed_files(clone):
        raise Harm("tracked files were changed:\n" + "\n".join(changed))
    text += ["Nothing that was committed is changed: what was run lies in `outputs/` and `.smoke/`, which git ignores."]
    return "\n".join(text) + "\n"


def main(arguments: list[str]) -> int:
    try:
        out = read_settings(arguments, {"out": "docs/first_half_hour.md"})["out"]
    except ValueError as error:
        print(f"first_half_hour: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder).resolve() / "causal"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        write_text(out, page(clone))
    print(f"written: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
