"""The items of every split, held against fingerprints.json: faster code must draw the very same questions.

After a change that is meant to draw others, `python -m tests.causal_tasks.test_fingerprints` writes the file anew, and
the results that rest on the old questions say so by their own fingerprints.
"""

import hashlib
import json
from pathlib import Path

import pytest

from causal_tasks.questions import TASKS
from causal_tasks.spec import PROTOCOLS, SPLITS
from causal_tasks.suites import available_splits, build
from records.provenance import fingerprint

FILE = Path(__file__).with_name("fingerprints.json")
QUESTIONS = 40  # of each split; a multiple of the questions per graph
FAMILY = {"transitivity": 6, "dseparation": 24}
ASKED = {"adversarial": (1,), "symmetric": (2,)}  # questions a graph, where there is no choice


def drawn(task: str, protocol: str, split: str, count: int) -> list:
    """QUESTIONS questions, `count` on a graph; whole families for the protocol `families`."""
    if protocol == "families":
        return build(task, "corrected", split, 2 * QUESTIONS, 0, count, questions="families")
    return build(task, protocol, split, QUESTIONS, 0, count)


def parts() -> list[tuple[str, str, str, int]]:
    sampled = [
        (task, protocol, split, count)
        for task in TASKS
        for protocol in PROTOCOLS
        for split in available_splits(task, protocol)
        for count in ASKED.get(split, (1,) if protocol == "released" else (1, 4))
    ]
    return sampled + [(task, "families", split, FAMILY[task]) for task in TASKS for split in SPLITS]


def prints(items: list) -> dict[str, str]:
    """`texts`: ids, texts and labels, as runs record them; `meaning`: graphs, parsed questions and strata."""
    meaning = [(item.graph, item.task, [(q.question, q.strata) for q in item.questions]) for item in items]
    return {"texts": fingerprint(items), "meaning": hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]}


@pytest.mark.parametrize("part", parts(), ids=lambda part: "-".join(map(str, part)))
def test_the_questions_are_those_that_were_always_drawn(part):
    known = json.loads(FILE.read_text(encoding="utf-8"))
    assert prints(drawn(*part)) == known["-".join(map(str, part))]


if __name__ == "__main__":
    found = {"-".join(map(str, part)): prints(drawn(*part)) for part in parts()}
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
