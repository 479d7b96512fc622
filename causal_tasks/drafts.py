"""Items before they have names: graphs over the integers 0..n-1, and the seeded dressing of them in words."""

import hashlib
import random
import string
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

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
    """Edges in the order they are told; every node is named by some edge or hidden pair."""

    nodes: int
    edges: tuple[tuple[int, int], ...]
    questions: tuple[DraftQuestion, ...]
    hidden: tuple[tuple[int, int], ...] = ()


def ask_in_pairs(
    first: list[DraftQuestion],
    pool: list[DraftQuestion],
    count: int,
    rng: random.Random,
    alike: Callable[[DraftQuestion], Hashable],
) -> tuple[DraftQuestion, ...]:
    """Up to `count` distinct questions in random order: `first`, then pairs of one Yes and one No that are `alike`.

    An odd count adds one question of either label. Fewer than `count` are returned where the pool has too few pairs.
    """
    groups: dict[Hashable, tuple[list, list]] = {}
    known = {question.key for question in first}
    for question in rng.sample(pool, len(pool)):
        if question.key not in known:
            groups.setdefault(alike(question), ([], []))[question.label].append(question)
    pairs = [pair for no, yes in groups.values() for pair in zip(yes, no)]
    rng.shuffle(pairs)
    wanted = [question for pair in pairs for question in rng.sample(pair, 2)]
    asked = [*first, *wanted][:count]
    if count % 2 == 0 and len(asked) % 2:
        asked.pop()
    return tuple(rng.sample(asked, len(asked)))


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


def named_graph(draft: Draft, names: list[str]) -> CausalGraph:
    edges, hidden = (tuple([(names[a], names[b]) for a, b in pairs]) for pairs in (draft.edges, draft.hidden))
    return CausalGraph(edges, hidden)


def dress(draft: Draft, graph: CausalGraph, names: list[str], task: str, item_id: str) -> Item:
    """The draft in words; question k has the id `{item_id}-{k}`."""
    questions = []
    for k, asked in enumerate(draft.questions):
        given = tuple(names[node] for node in asked.given)
        question = Question(task, names[asked.source], names[asked.target], given)
        questions.append(
            LabelledQuestion(f"{item_id}-{k}", say_question(question), asked.label, question, dict(asked.strata))
        )
    return Item(item_id, say_premise(graph), tuple(questions), graph, task)
