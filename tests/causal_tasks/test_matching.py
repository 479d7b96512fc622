"""Matching by hand, and that what is asked is matched."""

import random
from collections import Counter

import pytest

from causal_tasks import counts
from causal_tasks.bitgraph import BitGraph
from causal_tasks.headline import UNSEEN_STRUCTURE
from causal_tasks.matching import Candidate, choose
from causal_tasks.questions import TASKS
from causal_tasks.suites import build
from scoring.local_features import NAMES, features

GRAPH = BitGraph(2, [(0, 1)])


def candidate(item, label, looks, stratum=1):
    return Candidate(item, GRAPH, label, looks, (("distance", stratum),), 0, 1)


def test_a_yes_is_asked_only_with_a_no_of_the_same_counts_and_strata():
    wanted = {(0, True): 1, (1, False): 1}
    yes, no = candidate(0, True, "a"), candidate(1, False, "a")
    assert choose([yes, no], wanted, random.Random(0)) == {0: [yes], 1: [no]}
    assert choose([yes, candidate(1, False, "b")], wanted, random.Random(0)) is None
    assert choose([yes, candidate(1, False, "a", stratum=2)], wanted, random.Random(0)) is None
    assert choose([yes, candidate(0, False, "a")], wanted, random.Random(0)) is None  # the No is wanted in item 1
    with_many = [candidate(0, True, "c"), yes, candidate(1, False, "b"), no]
    assert choose(with_many, wanted, random.Random(0)) == {0: [yes], 1: [no]}


def test_all_strata_come_in_turn():
    many = [candidate(0, label, "a", stratum) for stratum in (1, 1, 1, 1, 2) for label in (True, False)]
    for seed in range(10):
        asked = choose(many, {(0, True): 2, (0, False): 2}, random.Random(seed))[0]
        assert sorted(one.strata[0][1] for one in asked) == [1, 1, 2, 2]


@pytest.mark.parametrize("count", [1, 3, 4])
@pytest.mark.parametrize("split", UNSEEN_STRUCTURE)
@pytest.mark.parametrize("task", TASKS)
def test_in_every_block_of_unseen_structure_yes_and_no_look_the_same(task, split, count):
    """All local counts; those about neighbours but for the sentence that joins them. Places of mention are left to chance."""
    items = build(task, "corrected", split, 100 * count, 0, count)
    blocks: dict[int, Counter] = {}
    for item in items:
        block = int(item.id[-6:]) // 4
        for question in item.questions:
            told = dict(zip(NAMES, features(item.graph, question.question)))
            left_out = counts.SENTENCES if question.strata.get("distance", 1) == 1 else ()
            looks = tuple(told[name] for name in counts.NAMES if name not in (*left_out, "source_first"))
            blocks.setdefault(block, Counter())[looks] += 1 if question.label else -1
    del blocks[max(blocks)]  # it may be cut
    assert len(blocks) > 15
    assert not any(any(block.values()) for block in blocks.values())
