"""Write splits as JSON lines, or as tasks of the lm-evaluation-harness, with a dataset card beside them.

    python -m causal_tasks.export task=transitivity protocol=corrected split=length n=10000 seed=0 out=length.jsonl
    python -m causal_tasks.export export=lm_eval task=dseparation protocol=corrected split=length,hidden n=500 out=FOLDER
    python -m causal_tasks.export list                   the splits that there are

task=transitivity|dseparation  protocol=released|corrected  n=questions  seed=0  questions_per_graph=1
split=train|validation|in_distribution|length|branching|reversed|shuffled|long_names|adversarial|symmetric|real_graphs|hidden
faults=released (default: the construction as released) | none | names of causal_tasks/faults.py, comma between
export=jsonl (default: out is a file) or lm_eval (out is a folder; task and split may be lists, comma between)
The same arguments write the same bytes. The card is out's name with .card.md, or README.md in the folder.
"""

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from tqdm import tqdm

from causal_tasks import suites
from causal_tasks.dataset_card import Tally, write_card
from causal_tasks.faults import read_faults
from causal_tasks.files import write_jsonl
from causal_tasks.harness import write_harness_tasks
from causal_tasks.items import Item
from causal_tasks.questions import TASKS
from causal_tasks.spec import PROTOCOLS, Spec
from input_output.command_line import read_settings, whole

_REQUIRED = ("task", "protocol", "split", "n", "out")
_DEFAULTS = {"seed": "0", "questions_per_graph": "1", "export": "jsonl", "faults": "released"}
_EXPORTS = ("jsonl", "lm_eval")
_MANY = 20_000  # questions that take more than a moment


def main(arguments: list[str]) -> int:
    if arguments in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    if arguments == ["list"]:
        for task, protocol in product(TASKS, PROTOCOLS):
            print(f"task={task} protocol={protocol} split={'|'.join(suites.available_splits(task, protocol))}")
        return 0
    try:
        settings = read_settings(arguments, _DEFAULTS, _REQUIRED, usage=__doc__)
        parts = _draw(settings)
        tallies = {part: Tally() for part in parts}
        counted = {part: tally.count(parts[part]) for part, tally in tallies.items()}
        out = Path(settings["out"])
        out.parent.mkdir(parents=True, exist_ok=True)
        # the card tells how to make the data again, wherever it is put
        command = "python -m causal_tasks.export " + " ".join(f"{k}={v}" for k, v in settings.items() if k != "out")
        if settings["export"] == "lm_eval":
            write_harness_tasks(counted, out)
            write_card(out / "README.md", tallies, command)
        else:
            (only,) = counted.values()
            write_jsonl(only, out)
            write_card(out.with_name(f"{out.name.removesuffix('.jsonl')}.card.md"), tallies, command)
    except (ValueError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    for part, tally in tallies.items():
        print(f"{' '.join(part)}: {tally.questions} questions on {tally.graphs} graphs written to {settings['out']}")
    return 0


def _draw(settings: dict[str, str]) -> dict[tuple[str, str, str], Iterator[Item]]:
    if settings["export"] not in _EXPORTS:
        raise ValueError(f"unknown export {settings['export']!r}; allowed: {', '.join(_EXPORTS)}")
    tasks, splits, protocol = settings["task"].split(","), settings["split"].split(","), settings["protocol"]
    if settings["export"] == "jsonl" and len(tasks) * len(splits) > 1:
        raise ValueError("one task and one split per JSON-lines file; lists are for export=lm_eval")
    # The corrected protocol has none to switch.
    faults = None if protocol == "corrected" and settings["faults"] == "released" else read_faults(settings["faults"])
    n, seed, count = (whole(settings, key) for key in ("n", "seed", "questions_per_graph"))
    specs = [Spec(task, protocol, split, n, seed, count, faults) for task in tasks for split in splits]
    return {
        (spec.task, protocol, spec.split): _with_progress(suites.items(spec), n, f"{spec.task} {spec.split}")
        for spec in specs
    }


def _with_progress(items: Iterator[Item], n: int, name: str) -> Iterator[Item]:
    """The same items; a bar with rate and time left for many questions, on a terminal only."""
    with tqdm(total=n, desc=name, unit=" questions", disable=None if n >= _MANY else True) as bar:
        for item in items:
            yield item
            bar.update(len(item.questions))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
