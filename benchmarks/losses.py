"""What each loss costs beside answer cross-entropy, in milliseconds per training step.

    python -m benchmarks.losses               print the table
    python -m benchmarks.losses write=true    also put it into losses/README.md

Forward and backward of the loss alone (no language model), from random answers to K questions on each
of 8 graphs of 6 nodes, on one thread: the fastest of several blocks of repetitions, because other load on
the machine only ever adds time (medians differed by more than a factor of two between runs on a shared
one). The losses that read the text add a mean over its tokens;
what the vocabulary head costs them is in benchmarks/README.md.
"""

import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from torch.utils.benchmark import Timer

from benchmarks.readme_table import command
from causal_tasks.families import constraint_queries
from losses import (
    Answers,
    CrossEntropy,
    ExactSemantic,
    Focal,
    LabelSmoothing,
    LogitAdjusted,
    Loss,
    Margin,
    Semantic,
    SemanticDistance,
    WeightedCrossEntropy,
)
from losses.semantic_distance import PARTS

GRAPHS, NODES = 8, 6
MEASURE_SECONDS = 0.5
FEWEST_BLOCKS = 4  # a slow loss fills the time with one
EVEN = dict.fromkeys(PARTS, 1.0)

# name, loss, task, K: the questions of all graphs are those of families, so that every part has work
CASES = [
    *[
        (name, build, "transitivity", questions)
        for questions in (6, 12)
        for name, build in (
            ("`cross_entropy` target=answer", CrossEntropy),
            ("`semantic` base=answer", Semantic),
            ("`weighted_cross_entropy`", lambda: WeightedCrossEntropy(yes_share=0.3)),
            ("`focal`", Focal),
            ("`logit_adjusted`", lambda: LogitAdjusted(yes_share=0.3)),
            ("`label_smoothing`", LabelSmoothing),
            ("`margin`", Margin),
            ("`exact_semantic` axioms, 3 nodes", ExactSemantic),
            ("`exact_semantic` axioms_and_facts, 3 nodes", lambda: ExactSemantic("axioms_and_facts")),
            ("`exact_semantic` deduced, 3 nodes", lambda: ExactSemantic("deduced")),
            ("`semantic_distance` fixed weights", lambda: SemanticDistance(EVEN)),
            ("`semantic_distance` learned weights", lambda: SemanticDistance(EVEN, learned=True)),
        )
    ],
    ("`exact_semantic` axioms, 4 nodes", lambda: ExactSemantic(group_size=4), "transitivity", 12),
    ("`exact_semantic` axioms, d-separation, 3 nodes", ExactSemantic, "dseparation", 6),
    ("`exact_semantic` axioms, d-separation, 3 nodes", ExactSemantic, "dseparation", 12),
]


def queries(task: str, questions: int) -> list[tuple[int, int, frozenset]]:
    """K questions that form families: one of 4 nodes (transitivity, K=12), or disjoint ones of 3."""
    if task == "transitivity" and questions == 12:
        return constraint_queries(task, range(4))
    return [
        query for start in range(0, questions // 2, 3) for query in constraint_queries(task, range(start, start + 3))
    ]


def random_answers(task: str, questions: int) -> tuple[Answers, torch.Tensor]:
    """Random answers to the same questions on every graph, and the logits they came from."""
    asked = queries(task, questions)
    logits = torch.randn(GRAPHS, questions, 2, requires_grad=True)
    log_p = logits.log_softmax(-1)
    given = torch.zeros(GRAPHS, questions, NODES, dtype=torch.bool)
    for k, (_, _, conditioning) in enumerate(asked):
        given[:, k, list(conditioning)] = True
    answers = Answers(
        log_yes=log_p[..., 0],
        log_no=log_p[..., 1],
        labels=torch.rand(GRAPHS, questions) < 0.5,
        valid=torch.ones(GRAPHS, questions, dtype=torch.bool),
        source=torch.tensor([query[0] for query in asked]).expand(GRAPHS, -1),
        target=torch.tensor([query[1] for query in asked]).expand(GRAPHS, -1),
        given=given,
        adjacency=torch.diag(torch.ones(NODES - 1), 1).bool().expand(GRAPHS, -1, -1),
        nodes=torch.full((GRAPHS,), NODES),
        labelled=torch.ones(GRAPHS, dtype=torch.bool),
    )
    return answers, logits


def milliseconds(loss: Loss, task: str, questions: int) -> float:
    """Time of one forward and backward pass: the fastest block of repetitions."""
    labelled = tuple(
        SimpleNamespace(label=k % 2 == 0, question=SimpleNamespace(source=s, target=t, given=z))
        for k, (s, t, z) in enumerate(queries(task, questions))
    )
    loss.prepare([SimpleNamespace(task=task, questions=labelled)])
    answers, logits = random_answers(task, questions)

    def step() -> None:
        total = loss(answers, None, 0.3)["total"]
        torch.autograd.grad(total, logits, retain_graph=True)

    timer = Timer("step()", globals={"step": step}, num_threads=1)
    timer.timeit(1)
    times = timer.blocked_autorange(min_run_time=MEASURE_SECONDS).times
    while len(times) < FEWEST_BLOCKS:
        times = times + timer.timeit(1).times
    return min(times) * 1e3


def table() -> str:
    """Markdown: one row a case, with the cost of answer cross-entropy at the same K beside it."""
    torch.manual_seed(0)
    measured = [(name, task, k, milliseconds(build(), task, k)) for name, build, task, k in CASES]
    plain = {k: ms for name, _, k, ms in measured if name == CASES[0][0]}
    lines = ["| loss | K | ms per step | answer CE at that K |", "|---|---|---|---|"]
    lines += [f"| {name} | {k} | {ms:.2f} | {plain[k]:.2f} |" for name, _, k, ms in measured]
    source = f"torch {torch.__version__}, one thread of {processor()}, fastest block of repetitions"
    lines += ["", f"Measured by `python -m benchmarks.losses write=true`: {source}."]
    return "\n".join(lines)


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(command(sys.argv[1:], "losses", table, "cost"))
