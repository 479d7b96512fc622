"""What a constraint tells about the answers to a family of questions, in bits, and how much of it single answers tell.

    python -m benchmarks.constraint_information               print the table
    python -m benchmarks.constraint_information write=true    also put it into losses/README.md

A model that knows nothing (p = 1/2 everywhere) pays one bit for each binary answer that the constraint fixes: its exact
semantic loss, in bits, is the information of the constraint. What `deduced` pays is the part that cross-entropy on
single answers can teach; the rest, *joint*, is all that weighing worlds can add. Families of the training graphs, seed 0.
"""

import math
import sys

import torch

from benchmarks.readme_table import command
from causal_tasks import suites
from causal_tasks.families import questions_in_family
from causal_tasks.items import Item
from causal_tasks.spec import Spec
from losses import Answers, ExactSemantic
from training.batches import TrainingExample, structure

GRAPHS = 500
KNOWLEDGE = ("axioms", "axioms_and_facts", "deduced")


def undecided(items: list[Item]) -> Answers:
    """p = 1/2 for every answer to the items' questions."""
    batch = structure([TrainingExample(encoded=None, item=item) for item in items])
    asked = torch.tensor([[k < len(item.questions) for k in range(batch["labels"].shape[1])] for item in items])
    even = torch.full(asked.shape, math.log(0.5), dtype=torch.float64)
    return Answers(log_yes=even, log_no=even, valid=asked, **batch)


def bits(items: list[Item], group_size: int) -> dict[str, float]:
    """Mean information of the constraint on a family, in bits, at each level of knowledge.

    Raises:
        ValueError: as `ExactSemantic.prepare`, if no item asks a whole family.
    """
    found = {}
    for knowledge in KNOWLEDGE:
        loss = ExactSemantic(knowledge, group_size)
        loss.prepare(items)
        found[knowledge] = loss(undecided(items), None, 1.0)["semantic"].item() / math.log(2)
    return found


def table(graphs: int = GRAPHS) -> str:
    """Markdown: one row a task and size of family. Graphs with fewer nodes than the family are left out."""
    lines = [
        "| task | nodes | answers | axioms | axioms and facts | of these, by single answers | joint |",
        "|---|---|---|---|---|---|---|",
    ]
    for task in ("transitivity", "dseparation"):
        for size in (3, 4):
            questions = questions_in_family(task, size)
            spec = Spec(task, "corrected", "train", questions, 0, questions, questions="families")
            drawn = (suites.item(spec, index) for index in range(graphs))
            items = [item for item in drawn if len(item.graph.nodes) >= size]
            found = bits(items, size)
            joint = found["axioms_and_facts"] - found["deduced"]
            values = [found[knowledge] for knowledge in KNOWLEDGE] + [joint]
            lines.append(f"| {task} | {size} | {questions} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    source = f"families of {graphs} training graphs, seed 0"
    return "\n".join([*lines, "", f"Measured by `python -m benchmarks.constraint_information write=true`: {source}."])


if __name__ == "__main__":
    sys.exit(command(sys.argv[1:], "constraint_information", table, "information"))
