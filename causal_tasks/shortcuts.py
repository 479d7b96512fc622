"""What answers without following a path score: read these beside any model's accuracy.

    python -m causal_tasks.shortcuts [n=2000] [training=20000] [seed=0] [out=results/shortcuts]

Writes OUT.json and OUT.md: the accuracy of each shortcut on each corrected suite as evaluate.py asks it (on balanced
labels, so it is the balanced accuracy too; constant answers score 50 %). The tables show the learned shortcut, which is
trained on `training` questions, as a baseline.
"""

import sys
from collections.abc import Callable

from causal_tasks import transitivity
from causal_tasks.command_line import report_command
from causal_tasks.graphs import CausalGraph
from causal_tasks.local_features import asked_in, learn, table
from causal_tasks.questions import TASKS, Question
from causal_tasks.suites import EVALUATION_SPLITS, TRAINING_SPLITS, available_splits, build

_DEFAULTS = {"n": "2000", "training": "20000", "seed": "0", "out": "results/shortcuts"}

Shortcut = Callable[[CausalGraph, Question], bool]


def source_first(graph: CausalGraph, question: Question) -> bool:
    """Yes iff the source is mentioned before the target."""
    return graph.nodes.index(question.source) < graph.nodes.index(question.target)


def fitting_ends(graph: CausalGraph, question: Question) -> bool:
    """Yes iff some sentence has the source as its cause and some sentence has the target as its effect."""
    return transitivity.fitting_ends(graph.edges, question.source, question.target)


def stated_edge(graph: CausalGraph, question: Question) -> bool:
    """Yes iff one sentence states it."""
    return (question.source, question.target) in graph.edges


def conditioned(graph: CausalGraph, question: Question) -> bool:
    """Yes iff anything at all is conditioned on."""
    return bool(question.given)


def neighbour_given(graph: CausalGraph, question: Question) -> bool:
    """Yes iff a node beside the source or the target is conditioned on."""
    ends = {question.source, question.target}
    return any((a in ends and b in question.given) or (b in ends and a in question.given) for a, b in graph.edges)


def no_stated_edge(graph: CausalGraph, question: Question) -> bool:
    """Yes iff no sentence joins the two."""
    return not {(question.source, question.target), (question.target, question.source)} & set(graph.edges)


SHORTCUTS: dict[str, tuple[Shortcut, ...]] = {
    "transitivity": (source_first, fitting_ends, stated_edge),
    "dseparation": (conditioned, neighbour_given, no_stated_edge),
}


LEARNED = "local_features"
POOLED = "pooled"  # the suites of EVALUATION_SPLITS together
_QUESTIONS_PER_GRAPH = 4  # as in conf/suite/; adversarial pairs ask one


def measure(task: str, n: int, training: int, seed: int) -> list[dict]:
    """One row a corrected split: task, split, n, and the accuracy of each shortcut on its first n questions, 0..1."""
    classifier = learn(task, training, seed)
    rows = []
    for split in available_splits(task, "corrected"):
        if split in TRAINING_SPLITS:
            continue
        asked = asked_in(
            build(task, "corrected", split, n, seed, 1 if split == "adversarial" else _QUESTIONS_PER_GRAPH)
        )
        verdicts = {s.__name__: [s(graph, q.question) for graph, q in asked] for s in SHORTCUTS[task]}
        verdicts[LEARNED] = classifier.predict(table(asked)).tolist()
        shares = {
            name: sum(verdict == q.label for verdict, (_, q) in zip(answers, asked)) / len(asked)
            for name, answers in verdicts.items()
        }
        rows.append({"task": task, "split": split, "n": len(asked)} | shares)
    pool = [row for row in rows if row["split"] in EVALUATION_SPLITS]
    shares = {name: sum(row[name] for row in pool) / len(pool) for name in verdicts}  # all of one size
    return [*rows, {"task": task, "split": POOLED, "n": sum(row["n"] for row in pool)} | shares]


def measure_tasks(n: int, training: int, seed: int) -> list[dict]:
    return [row for task in TASKS for row in measure(task, n, training, seed)]


def markdown(rows: list[dict]) -> str:
    lines = ["# Shortcuts on the corrected suites", "", "Accuracy in percent; a constant answer scores 50."]
    for task in TASKS:
        names = [shortcut.__name__ for shortcut in SHORTCUTS[task]] + [LEARNED]
        lines += ["", f"## {task}", ""]
        lines += [f"- `{shortcut.__name__}`: {shortcut.__doc__}" for shortcut in SHORTCUTS[task]]
        lines += [
            f"- `{LEARNED}`: gradient-boosted trees on counts around the two nodes (causal_tasks/local_features.py)"
        ]
        lines += ["", f"| split | n | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
        for row in (row for row in rows if row["task"] == task):
            lines.append(
                f"| {row['split']} | {row['n']} | " + " | ".join(f"{100 * row[name]:.1f}" for name in names) + " |"
            )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    return report_command("shortcuts", arguments, _DEFAULTS, ("n", "training", "seed"), measure_tasks, markdown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
