"""One door to generated items: training sets, evaluation suites and challenges, under both protocols.

Sample i depends only on (task, protocol, split, questions a graph, seed, i). How items are made is in constructions/, one file a way;
here a Spec finds its construction, and as many items are taken as hold the questions it wants.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import count

from causal_tasks.constructions import Construction, constructions
from causal_tasks.items import Item
from causal_tasks.questions import TASKS
from causal_tasks.spec import PROTOCOLS, Spec


def available_splits(task: str, protocol: str, questions: str = "sampled") -> tuple[str, ...]:
    """The splits that exist; the release has only those of PUBLISHED_SUITE and the training distribution.

    Raises:
        ValueError: unknown task or protocol.
    """
    return tuple(_by_split(task, protocol, questions))


def items(spec: Spec) -> Iterator[Item]:
    """The first items that together hold `spec.samples` questions, drawn one by one as they are taken.

    The last item is cut to what is wanted, but a family never is: there the questions are at most so many.

    Raises (at once, not when the first item is taken):
        ValueError: unknown task, protocol or split, samples or questions_per_graph < 1, or what the construction cannot
            make: one line.
    """
    construction = _checked(spec)
    drawn = (construction.item(spec, index) for index in count())
    if spec.yes_share is not None:
        return _with_yes_share(spec, drawn)
    return _whole(spec.samples, drawn) if construction.whole else _first(spec.samples, drawn)


def item(spec: Spec, index: int) -> Item:
    """Item `index` alone, before it is cut; raises ValueError as `items`, and for a negative index."""
    if index < 0:
        raise ValueError(f"index >= 0, not {index}")
    return _checked(spec).item(spec, index)


def build(
    task: str,
    protocol: str,
    split: str,
    n: int,
    seed: int,
    questions_per_graph: int = 1,
    questions: str = "sampled",
) -> list[Item]:
    """`items` of the Spec that these make, in a list."""
    return list(items(Spec(task, protocol, split, n, seed, questions_per_graph, questions=questions)))


def yes_share(items: Sequence[Item]) -> float:
    """The share of Yes among all labels, 0..1."""
    labels = [question.label for item in items for question in item.questions]
    return sum(labels) / len(labels)


def _by_split(task: str, protocol: str, questions: str) -> dict[str, Construction]:
    _one_of("task", task, TASKS)
    _one_of("protocol", protocol, PROTOCOLS)
    made = [one for one in constructions() if (one.protocol, one.questions) == (protocol, questions)]
    return {split: construction for construction in made for split in construction.splits.get(task, ())}


@lru_cache(maxsize=256)
def _checked(spec: Spec) -> Construction:
    """The construction of a spec, which can make it."""
    found = _by_split(spec.task, spec.protocol, spec.questions)
    if spec.graphs is not None:
        if spec.protocol != "corrected" or spec.split in found:
            raise ValueError(
                f"graphs.{spec.split}: a split of one's own is corrected, and has a name that no other split has"
            )
        found[spec.split] = found["in_distribution"]  # whose construction takes any graphs
    _one_of("split", spec.split, tuple(found), f" for task={spec.task} protocol={spec.protocol}")
    if spec.samples < 1:
        raise ValueError(f"n is a number of questions >= 1, not {spec.samples}")
    if spec.questions_per_graph < 1:
        raise ValueError(f"questions_per_graph >= 1, not {spec.questions_per_graph}")
    if spec.protocol != "released" and spec.faults is not None:
        raise ValueError(f"the {spec.protocol} protocol has no released faults to switch")
    if spec.yes_share is not None and (spec.protocol, spec.questions) != ("corrected", "sampled"):
        raise ValueError("yes_share is for sampled questions of the corrected protocol")
    found[spec.split].check(spec)
    return found[spec.split]


def _first(n: int, drawn: Iterator[Item]) -> Iterator[Item]:
    """Items that together hold `n` questions; the last is cut."""
    while n > 0:
        item = next(drawn)
        if len(item.questions) > n:
            item = replace(item, questions=item.questions[:n])
        n -= len(item.questions)
        yield item


def _whole(n: int, drawn: Iterator[Item]) -> Iterator[Item]:
    """Items that together hold at most `n` questions; the first is drawn at once.

    Raises:
        ValueError: the first holds more.
    """
    first = next(drawn)
    if len(first.questions) > n:
        raise ValueError(f"n={n} questions are fewer than the {len(first.questions)} of the first family")
    return _until_full(n, first, drawn)


def _until_full(n: int, item: Item, drawn: Iterator[Item]) -> Iterator[Item]:
    while len(item.questions) <= n:
        n -= len(item.questions)
        yield item
        item = next(drawn)


def _with_yes_share(spec: Spec, drawn: Iterable[Item]) -> Iterator[Item]:
    """Questions in order until the quotas of Yes and of No are full.

    No graph gives more of a class than its share of K questions (but one of each is always allowed), so that the rarer
    class comes from many graphs.
    """
    share, asked = spec.yes_share, spec.questions_per_graph
    left = {True: round(share * spec.samples), False: spec.samples - round(share * spec.samples)}
    most = {True: max(1, round(share * asked)), False: max(1, round((1 - share) * asked))}
    for item in drawn:
        room = {label: min(left[label], most[label]) for label in left}
        questions = []
        for question in item.questions:
            if room[question.label]:
                room[question.label] -= 1
                left[question.label] -= 1
                questions.append(question)
        if questions:
            yield replace(item, questions=tuple(questions))
        if not any(left.values()):
            return


def _one_of(what: str, value: str, allowed: tuple[str, ...], where: str = "") -> None:
    if value not in allowed:
        raise ValueError(f"unknown {what} {value!r}{where}; allowed: {', '.join(allowed)}")
