"""Draw one causal graph with a question about it: who is asked about, what is conditioned on, which way edges point."""

import networkx as nx
from matplotlib.axes import Axes

from causal_tasks.graphs import CausalGraph
from causal_tasks.questions import Question

ASKED, GIVEN, OTHER = "#56B4E9", "#F0E442", "white"
# Generations of a long chain are folded into rows of this many.
ROW = 8


def positions(graph: CausalGraph) -> dict[str, tuple[float, float]]:
    """Node -> (x, y): causes before their effects, folded into rows that turn back and forth; a cyclic graph is laid out on a circle."""
    network = graph.to_networkx()
    if not nx.is_directed_acyclic_graph(network):
        return {node: (3 * x, 1.5 * y) for node, (x, y) in nx.circular_layout(network).items()}
    place = {}
    top = 0.0
    generations = list(nx.topological_generations(network))
    for start in range(0, len(generations), ROW):
        row = generations[start : start + ROW]
        depth = max(map(len, row))
        for column, generation in enumerate(row):
            x = column if start % (2 * ROW) == 0 else ROW - 1 - column
            # Neighbouring generations are shifted, so that an edge over a node does not run through it.
            shift = 0.25 if column % 2 else -0.25
            # Beside their causes, which are placed already: fewer edges cross.
            height = {n: [place[cause][1] for cause in network.predecessors(n)] or [0] for n in generation}
            for rank, node in enumerate(sorted(generation, key=lambda n: (-sum(height[n]) / len(height[n]), n))):
                place[node] = (x, top - (depth - len(generation)) / 2 - rank + shift)
        top -= depth + 0.8
    return place


def draw_question(
    axes: Axes, graph: CausalGraph, question: Question | None, place: dict[str, tuple[float, float]]
) -> None:
    """Blue: the two nodes asked about. Yellow: the conditioning set. Dashed: a shared hidden cause.

    Args:
        place: node -> (x, y), from `positions`.
    """
    boxes = {}
    for node, (x, y) in place.items():
        fill = OTHER
        if question is not None:
            fill = ASKED if node in (question.source, question.target) else GIVEN if node in question.given else OTHER
        style = {"boxstyle": "round,pad=0.35", "facecolor": fill, "edgecolor": "black", "linewidth": 1}
        boxes[node] = axes.text(x, y, node, ha="center", va="center", fontsize=9, bbox=style, zorder=3)
    arrows = [(pair, "-|>", "solid") for pair in graph.edges] + [(pair, "<|-|>", "dashed") for pair in graph.hidden]
    for (start, end), arrow, line in arrows:
        if start == end:
            axes.annotate("↺", place[start], (8, 8), textcoords="offset points", fontsize=12)
            continue
        properties = {
            "arrowstyle": arrow,
            "linestyle": line,
            "color": "#444444",
            "patchA": boxes[start].get_bbox_patch(),
            "patchB": boxes[end].get_bbox_patch(),
            "shrinkA": 2,
            "shrinkB": 2,
            "connectionstyle": "arc3,rad=0.12",
        }
        # On the axes' floor, so that an edge passes behind the boxes of other nodes.
        axes.annotate("", place[end], place[start], arrowprops=properties, zorder=1)
    xs, ys = zip(*place.values(), strict=True)
    axes.set(xlim=(min(xs) - 0.7, max(xs) + 0.7), ylim=(min(ys) - 0.5, max(ys) + 0.5))
    axes.set_axis_off()
