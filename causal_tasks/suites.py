"""Training sets and evaluation suites under both protocols.

Sample i depends only on (task, protocol, split, seed, i). Splits:
train, validation, in_distribution (the test split of the training distribution), length, branching, reversed,
shuffled, long_names; corrected only: adversarial (minimal pairs), real_graphs (published networks) and, for
d-separation, hidden (hidden common causes).
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import count

from causal_tasks import (
    adversarial,
    dseparation,
    evaluation_blocks,
    evaluation_graphs,
    real_graphs,
    released,
    transitivity,
)
from causal_tasks.drafts import Draft, distinct_names, dress, named_graph, partition
from causal_tasks.faults import ALL_FAULTS, Faults
from causal_tasks.items import Item
from causal_tasks.questions import TASKS
from causal_tasks.randomness import generator

PROTOCOLS = ("released", "corrected")
TRAINING_SPLITS = ("train", "validation")
EVALUATION_SPLITS = ("in_distribution", "length", "branching", "reversed", "shuffled", "long_names")
SPLITS = TRAINING_SPLITS + EVALUATION_SPLITS
CHALLENGE_SPLITS = {
    "transitivity": ("adversarial", "real_graphs"),
    "dseparation": ("adversarial", "real_graphs", "hidden"),
}

# The five suites of the paper as (task, split) under protocol=released.
PUBLISHED_SUITE = (
    ("transitivity", "length"),
    ("dseparation", "branching"),
    ("transitivity", "reversed"),
    ("transitivity", "shuffled"),
    ("transitivity", "long_names"),
)

_TRAINING = {"transitivity": transitivity, "dseparation": dseparation}
_BLOCK = 4


@lru_cache
def available_splits(task: str, protocol: str) -> tuple[str, ...]:
    """The splits that exist; the release has only those of PUBLISHED_SUITE and the training distribution.

    Raises:
        ValueError: unknown task or protocol.
    """
    _one_of("task", task, TASKS)
    _one_of("protocol", protocol, PROTOCOLS)
    return released.SPLITS[task] if protocol == "released" else SPLITS + CHALLENGE_SPLITS[task]


def sample(
    task: str,
    protocol: str,
    split: str,
    seed: int,
    index: int,
    questions_per_graph: int = 1,
    faults: Faults | None = None,
) -> Item:
    """Item `index` alone.

    Args:
        questions_per_graph: K. Corrected items hold K questions, half Yes and half No (fewer where the graph has
            too few of either); the released protocol is K = 1.
        faults: released only; None switches every fault on.

    Raises:
        ValueError: unknown task, protocol or split, K < 1, K > 1 under `released` or in `adversarial`, `faults` under
            `corrected`, or a negative index.
    """
    _one_of("split", split, available_splits(task, protocol), f" for task={task} protocol={protocol}")
    if questions_per_graph < 1 or index < 0:
        raise ValueError(f"questions_per_graph >= 1 and index >= 0, not {questions_per_graph} and {index}")
    item_id = f"{task}-{protocol}-{split}-{seed}-{index:06d}"
    rng = generator(item_id)
    if protocol == "released":
        if questions_per_graph != 1:
            raise ValueError(f"the released protocol asks one question per graph, not {questions_per_graph}")
        return released.draw(released.CONSTRUCTIONS[task][split], faults or ALL_FAULTS, rng, item_id)
    if faults is not None:
        raise ValueError("the corrected protocol has no released faults to switch")
    if split == "adversarial":
        if questions_per_graph != 1:
            raise ValueError(f"adversarial pairs ask one question per graph, not {questions_per_graph}")
        return adversarial.sample(task, seed, index, item_id)
    if split == "real_graphs":
        return real_graphs.sample(task, seed, index, questions_per_graph, item_id)
    draft = _block(task, split, seed, index // _BLOCK, questions_per_graph)[index % _BLOCK]
    lengths = (8, 10) if split == "long_names" else (1, 3)
    wanted = split if split in TRAINING_SPLITS else "test"
    while True:
        names = distinct_names(rng, draft.nodes, *lengths)
        graph = named_graph(draft, names)
        if partition(graph) == wanted:
            return dress(draft, graph, names, task, item_id)


def build(
    task: str,
    protocol: str,
    split: str,
    n: int,
    seed: int,
    questions_per_graph: int = 1,
    faults: Faults | None = None,
) -> list[Item]:
    """The first items that together hold `n` questions; the last may hold fewer than it was drawn with.

    Raises:
        ValueError: n < 1, an odd n in `adversarial`, or as `sample`.
    """
    return list(stream(task, protocol, split, n, seed, questions_per_graph, faults))


def stream(task: str, protocol: str, split: str, n: int, seed: int, *how) -> Iterator[Item]:
    """The items of `build`, drawn one by one as they are taken; arguments and errors are those of `build`."""
    if n < 1:
        raise ValueError(f"n is a number of questions >= 1, not {n}")
    if split == "adversarial" and n % 2:
        raise ValueError(f"adversarial holds pairs: n must be even, not {n}")
    sample(task, protocol, split, seed, 0, *how)  # raises now what would be raised when the first is taken
    return _first(n, (sample(task, protocol, split, seed, index, *how) for index in count()))


def _first(n: int, items: Iterator[Item]) -> Iterator[Item]:
    """Items that together hold `n` questions; the last is cut."""
    while n > 0:
        item = next(items)
        if len(item.questions) > n:
            item = Item(item.id, item.premise, item.questions[:n], item.graph, item.task)
        n -= len(item.questions)
        yield item


@lru_cache(maxsize=64)
def _block(task: str, split: str, seed: int, block: int, questions_per_graph: int) -> list[Draft]:
    """The four drafts of one block: in each stratum as many are answered Yes as No."""
    rng = generator("block", task, split, seed, block, questions_per_graph)
    if split in TRAINING_SPLITS:
        return _TRAINING[task].draw_block(questions_per_graph, rng)
    return evaluation_blocks.draw_block(task, evaluation_graphs.CONSTRUCTIONS[task][split], questions_per_graph, rng)


def yes_share(items: list[Item]) -> float:
    """The share of Yes among all labels, 0..1."""
    labels = [question.label for item in items for question in item.questions]
    return sum(labels) / len(labels)


def _one_of(what: str, value: str, allowed: tuple[str, ...], where: str = "") -> None:
    if value not in allowed:
        raise ValueError(f"unknown {what} {value!r}{where}; allowed: {', '.join(allowed)}")
