"""From drafts, which are items over the nodes 0..n-1, to named ones in words."""

import hashlib
import string
from dataclasses import dataclass, field

from causal_tasks.bitgraph import BitGraph
from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.questions import Question, say_premise, say_question
from causal_tasks.randomness import Stream

ALPHABET = string.ascii_letters + string.digits
_LETTERS = len(ALPHABET)

# A graph with its names belongs to one partition for good, whatever the seed: half of all, a quarter, a quarter.
_PARTITIONS = ("train", "train", "validation", "test")


@dataclass(frozen=True)
class DraftQuestion:
    source: int
    target: int
    given: tuple[int, ...]
    label: bool
    strata: dict[str, int | str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, int, tuple[int, ...]]:
        return self.source, self.target, self.given


@dataclass(frozen=True)
class Draft:
    """An item without names: its graph tells its edges in order, and every node is named by some edge or hidden pair."""

    graph: BitGraph
    questions: tuple[DraftQuestion, ...]


def random_name(rng: Stream, shortest: int, longest: int) -> str:
    """Letters and digits drawn with replacement; the length is uniform over shortest..longest."""
    draw = rng.random
    name = ""
    for _ in range(shortest + rng.below(longest - shortest + 1)):
        name += ALPHABET[int(draw() * _LETTERS)]
    return name


def distinct_names(rng: Stream, count: int, shortest: int, longest: int) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        names[random_name(rng, shortest, longest)] = None
    return list(names)


def partition(graph: CausalGraph) -> str:
    """The one of train, validation and test that a named graph belongs to, whatever the order of its sentences.

    Splits draw only graphs of their own partition, so that no text is shared between them by construction.
    """
    told = repr((sorted(graph.edges), sorted(graph.hidden)))
    return _PARTITIONS[hashlib.blake2b(told.encode(), digest_size=1).digest()[0] % len(_PARTITIONS)]


def named_graph(graph: BitGraph, names: list[str]) -> CausalGraph:
    edges, hidden = (tuple([(names[a], names[b]) for a, b in pairs]) for pairs in (graph.edges, graph.hidden))
    return CausalGraph(edges, hidden)


def named_in(wanted: str, draft: Draft, shortest: int, longest: int, task: str, item_id: str, rng: Stream) -> Item:
    """The draft in words, with random names of these lengths by which it belongs to the wanted partition."""
    while True:
        names = distinct_names(rng, draft.graph.n, shortest, longest)
        graph = named_graph(draft.graph, names)
        if partition(graph) == wanted:
            return in_words(draft, graph, names, task, item_id)


def in_words(draft: Draft, graph: CausalGraph, names: list[str], task: str, item_id: str) -> Item:
    """The draft with these names for its nodes, `graph` being its graph so named; question k has the id `{item_id}-{k}`."""
    questions = []
    for k, asked in enumerate(draft.questions):
        given = tuple(names[node] for node in asked.given)
        question = Question(task, names[asked.source], names[asked.target], given)
        questions.append(
            LabelledQuestion(f"{item_id}-{k}", say_question(question), asked.label, question, dict(asked.strata))
        )
    return Item(item_id, say_premise(graph), tuple(questions), graph, task)
