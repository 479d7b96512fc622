"""Questions matched like cases and controls: to every Yes a No that shares what a shortcut could look at.

In evaluation suites a match has the same strata and the same local counts. A rule that looks at nothing but those counts (causal_tasks.counts) answers both alike, and so is right on exactly one of
them, whatever it has learned.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from causal_tasks.bitgraph import BitGraph
from causal_tasks.naming import DraftQuestion


class Candidate(NamedTuple):
    """A question that could be asked in item number `item` of some that are drawn together, about `graph`.

    Args:
        counts, strata: what its match shares with it.
    """

    item: int
    graph: BitGraph
    label: bool
    counts: Hashable
    strata: tuple[tuple[str, int | str], ...]
    source: int
    target: int
    given: tuple[int, ...] = ()

    def draft(self) -> DraftQuestion:
        return DraftQuestion(self.source, self.target, self.given, self.label, dict(self.strata))


def choose(
    candidates: Iterable[Candidate], wanted: dict[tuple[int, bool], int], rng: random.Random
) -> dict[int, list[Candidate]] | None:
    """Matched candidates by item, as many as are wanted of every (item, label); None if these cannot be had.

    Pairs of all strata come in turn, as far as there are.
    """
    left = {place: count for place, count in wanted.items() if count}
    chosen: dict[int, list[Candidate]] = defaultdict(list)
    for pair in _in_turn(_pairs(candidates, rng)):
        if all(left.get((one.item, one.label)) for one in pair):
            for one in pair:
                chosen[one.item].append(one)
                left[one.item, one.label] -= 1
            if not any(left.values()):
                return {item: rng.sample(questions, len(questions)) for item, questions in chosen.items()}
    return None


def _pairs(candidates: Iterable[Candidate], rng: random.Random) -> list[tuple[Candidate, Candidate]]:
    """A Yes and a No each, in random order; every candidate is in one at most."""
    alike: dict[Hashable, tuple[list, list]] = {}
    for candidate in candidates:
        alike.setdefault((candidate.counts, candidate.strata), ([], []))[candidate.label].append(candidate)
    pairs = []
    for no, yes in alike.values():
        if no and yes:
            pairs += zip(rng.sample(yes, len(yes)), rng.sample(no, len(no)))
    return rng.sample(pairs, len(pairs))


def _in_turn(pairs: list[tuple[Candidate, Candidate]]) -> list[tuple[Candidate, Candidate]]:
    """First one pair of each strata, then another of each."""
    seen: Counter = Counter()
    turns = []
    for pair in pairs:
        turns.append((seen[pair[0].strata], pair))
        seen[pair[0].strata] += 1
    return [pair for _, pair in sorted(turns, key=lambda turn: turn[0])]


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
