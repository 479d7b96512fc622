"""What answers without reasoning over the graph score: read these beside any model's accuracy.

    python -m causal_tasks.shortcuts [n=2000] [seed=0] [out=results/shortcuts]

Writes OUT.json and OUT.md: the accuracy of each shortcut on each corrected suite (on balanced labels, so it is the
balanced accuracy too; constant answers score 50 %).
"""

import sys
from collections.abc import Callable

from causal_tasks.command_line import read_settings, whole, write_report
from causal_tasks.graphs import CausalGraph
from causal_tasks.questions import TASKS, Question
from causal_tasks.suites import available_splits, build

_DEFAULTS = {"n": "2000", "seed": "0", "out": "results/shortcuts"}

Shortcut = Callable[[CausalGraph, Question], bool]


def source_first(graph: CausalGraph, question: Question) -> bool:
    """Yes iff the source is mentioned before the target."""
    return graph.nodes.index(question.source) < graph.nodes.index(question.target)


def fitting_ends(graph: CausalGraph, question: Question) -> bool:
    """Yes iff some sentence has the source as its cause and some sentence has the target as its effect."""
    return question.source in {cause for cause, _ in graph.edges} and question.target in {e for _, e in graph.edges}


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


def accuracies(task: str, split: str, n: int, seed: int) -> dict[str, float]:
    """Shortcut -> share of `n` questions of a corrected split that it answers rightly, 0..1."""
    asked = [(item.graph, q) for item in build(task, "corrected", split, n, seed) for q in item.questions]
    return {
        shortcut.__name__: sum(shortcut(graph, q.question) == q.label for graph, q in asked) / len(asked)
        for shortcut in SHORTCUTS[task]
    }


def markdown(rows: list[dict]) -> str:
    lines = ["# Shortcuts on the corrected suites", "", "Accuracy in percent; a constant answer scores 50."]
    for task in TASKS:
        names = [shortcut.__name__ for shortcut in SHORTCUTS[task]]
        lines += ["", f"## {task}", ""]
        lines += [f"- `{shortcut.__name__}`: {shortcut.__doc__}" for shortcut in SHORTCUTS[task]]
        lines += ["", f"| split | n | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
        for row in (row for row in rows if row["task"] == task):
            lines.append(
                f"| {row['split']} | {row['n']} | " + " | ".join(f"{100 * row[name]:.1f}" for name in names) + " |"
            )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    try:
        settings = read_settings(arguments, _DEFAULTS)
        n, seed = whole(settings, "n"), whole(settings, "seed")
    except ValueError as error:
        print(f"shortcuts: {error}", file=sys.stderr)
        return 2
    rows = [
        {"task": task, "split": split, "n": n} | accuracies(task, split, n, seed)
        for task in TASKS
        for split in available_splits(task, "corrected")
        if split not in ("train", "validation")
    ]
    write_report(settings["out"], rows, markdown(rows))
    print(markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
