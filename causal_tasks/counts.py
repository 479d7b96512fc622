"""Local counts: what is told about the nodes of one question, no sentence being joined to another.

Whatever these numbers tell of the answer is a shortcut. Evaluation blocks are matched on them (causal_tasks.matching),
and audits.shortcuts measures what they still tell.
"""

from causal_tasks.bitgraph import BitGraph

_OF_AN_END = ("causes", "effects", "hidden_causes", "causes_given", "effects_given", "hidden_causes_given")
SOURCE = tuple(f"source_{name}" for name in _OF_AN_END)
TARGET = tuple(f"target_{name}" for name in _OF_AN_END)
SENTENCES = (
    "stated",
    "converse",
)  # a sentence says that the source causes the target; that the target causes the source
SIZES = ("nodes", "edges", "hidden", "given")
GIVEN = (
    "given_colliders",  # with two causes or more
    "given_forks",  # with two effects or more
    "causes_of_given",  # in all, each as often as it is named
    "effects_of_given",
    "given_joined",  # sentences that join two of them
    "with_given_effect",  # nodes that cause any of them
    "with_given_cause",
)
NAMES = (*SIZES, "source_first", *SENTENCES, *SOURCE, *TARGET, *GIVEN)


def counts(graph: BitGraph, source: int, target: int, given: int, source_first: bool) -> tuple[int, ...]:
    """The numbers called NAMES.

    Args:
        given: the conditioning set as a mask.
        source_first: is the source named before the target?
    """
    parents, children = graph.parents, graph.children
    sizes = (graph.n, len(graph.edges), len(graph.hidden), given.bit_count())
    told = (source_first, children[source] >> target & 1, parents[source] >> target & 1)
    return (
        *sizes,
        *told,
        *of_end(graph, source, given),
        *of_end(graph, target, given),
        *_of_given(graph, given),
    )


def of_given_node(graph: BitGraph, source: int, target: int, node: int) -> tuple[int, ...]:
    """What a conditioned node adds to the counts by itself: sets whose nodes agree in this mostly have the same counts."""
    beside = (graph.parents[source], graph.children[source], graph.parents[target], graph.children[target])
    return (graph.parents[node].bit_count(), graph.children[node].bit_count(), *(near >> node & 1 for near in beside))


def of_end(graph: BitGraph, node: int, given: int) -> tuple[int, ...]:
    visible = (1 << graph.n) - 1
    causes, effects = graph.parents[node], graph.children[node]
    hidden = causes & ~visible
    partners = 0
    if hidden and given:
        partners = sum(
            (graph.children[cause] & given).bit_count() for cause in range(graph.n, graph.total) if hidden >> cause & 1
        )
    return (
        (causes & visible).bit_count(),
        effects.bit_count(),
        hidden.bit_count(),
        (causes & given).bit_count(),
        (effects & given).bit_count(),
        partners,
    )


def _of_given(graph: BitGraph, given: int) -> tuple[int, ...]:
    colliders = forks = into = out = joined = causing = caused = 0
    left = given
    while left:
        low = left & -left
        left ^= low
        node = low.bit_length() - 1
        causes, effects = graph.parents[node], graph.children[node]
        colliders += causes & (causes - 1) != 0
        forks += effects & (effects - 1) != 0
        into += causes.bit_count()
        out += effects.bit_count()
        joined += (effects & given).bit_count()
        causing |= causes
        caused |= effects
    return colliders, forks, into, out, joined, causing.bit_count(), caused.bit_count()
