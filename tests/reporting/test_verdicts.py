"""Verdicts follow their rules, and nothing is decided by fewer seeds than the rules name."""

import pytest

from reporting.verdicts import (
    FAILS,
    NOTHING_TO_PREVENT,
    REPLICATES,
    RULES,
    UNSETTLED,
    Evidence,
    at_other_shares,
    explanations,
    verdicts,
)


def runs(task, semantic, plain):
    return {f"{task}_semantic": semantic, f"{task}_ce": plain}


def controls(transitivity, dseparation):
    return {"transitivity_answer_ce": transitivity, "dseparation_answer_ce": dseparation}


VARIED = {"majority": {"transitivity_ce": [0.6]}}
PLAIN_IS_NOT_CONSTANT = VARIED | {"text_rule_distance": 0.0, "constant": {"transitivity_ce": [False]}}
MERGED = {"untuned_distance": 0.027, "own_distance": 0.348, "merged_flips": 0.002, "margins_left": 0.0007, "lost": 0.65}


def test_without_evidence_nothing_is_settled():
    assert verdicts(Evidence()) == dict.fromkeys(RULES, UNSETTLED)


@pytest.mark.parametrize(
    ("claim", "evidence", "verdict"),
    [
        ("C1", {"constant": {"transitivity_ce": [True] * 3, "dseparation_ce": [True] * 3}}, REPLICATES),
        ("C1", {"constant": {"transitivity_ce": [True, True, False], "dseparation_ce": [False] * 3}}, FAILS),
        (
            "C1",
            {"constant": {"transitivity_ce": [False] * 2, "dseparation_ce": [True] * 3}},
            "transitivity: not settled; dseparation: replicates",
        ),
        ("C1", {"text_rule_distance": 0.0001}, UNSETTLED),  # nothing was trained
        ("C1", PLAIN_IS_NOT_CONSTANT | {"text_rule_distance": 0.01}, UNSETTLED),
        # nearly constant, and constant: the row may be what it says
        ("C1", PLAIN_IS_NOT_CONSTANT | {"majority": {"transitivity_ce": [0.6, 0.97]}}, UNSETTLED),
        ("C1", PLAIN_IS_NOT_CONSTANT | {"majority": {"transitivity_ce": [1.0]}}, UNSETTLED),
        (
            "C1",
            VARIED
            | {"text_rule_distance": 0.0001, "constant": {"transitivity_ce": [False], "dseparation_ce": [True] * 3}},
            "transitivity: explained by A11; dseparation: replicates",
        ),
        (
            "C1",
            {"text_rule_distance": 0.0, "constant": {"transitivity_ce": [False] * 3}},
            "transitivity: does not replicate; dseparation: not settled",
        ),
        (
            "C1",
            {"constant": {"transitivity_ce": [True] * 3, "dseparation_ce": [None, True, None]}},
            "transitivity: replicates; dseparation: not settled",
        ),
        ("C1", {"constant": {"transitivity_ce": [False] * 3, "dseparation_ce": [None, None, False]}}, FAILS),
        ("C2", {"constant_scores": [0.277, 0.723]}, REPLICATES),
        ("C2", {"constant_scores": [0.6] * 2}, UNSETTLED),
        ("C2", {"constant_scores": [0.6] * 3}, FAILS),
        ("C3", {"constant": runs("transitivity", [False] * 4, [True] * 4)}, REPLICATES),
        ("C3", {"constant": runs("transitivity", [False] * 3, [True] * 3)}, UNSETTLED),  # by chance in one of ten
        ("C3", {"constant": runs("transitivity", [False, False, True], [True] * 3)}, FAILS),
        ("C3", {"constant": runs("transitivity", [False] * 3, [False] * 3)}, NOTHING_TO_PREVENT),
        ("C3", {"constant": runs("transitivity", [False] * 3, [True, False, True])}, UNSETTLED),
        ("C3", {"constant": runs("transitivity", [False] * 3, [True] * 2)}, UNSETTLED),
        ("C3", {"constant": {"transitivity_semantic": [False] * 3}}, UNSETTLED),
        ("C3", MERGED, "explained by A10"),
        ("C3", MERGED | {"merged_flips": 0.2}, UNSETTLED),
        ("C3", MERGED | {"margins_left": 0.0155}, UNSETTLED),  # a base that is constant hides it from the verdicts
        ("C3", MERGED | {"margins_left": None}, UNSETTLED),
        ("C3", MERGED | {"lost": 0.01}, UNSETTLED),  # an adapter that has learned nothing has nothing to lose
        ("C3", MERGED | {"own_distance": 0.1}, UNSETTLED),
        ("C3", MERGED | {"constant": runs("transitivity", [False] * 3, [True] * 2)}, "explained by A10"),
        ("C3", MERGED | {"constant": runs("transitivity", [False] * 4, [True] * 4)}, REPLICATES),
        ("C3", MERGED | {"constant": runs("transitivity", [False] * 3, [True, False, True])}, UNSETTLED),
        ("C4", {"constant": runs("dseparation", [False] * 4, [True] * 4)}, REPLICATES),
        # constant with one of two prompts
        ("C4", {"constant": runs("dseparation", [False] * 3, [None] * 3)}, UNSETTLED),
        ("C4", {"constant": runs("dseparation", [True] * 4, [True] * 4)}, FAILS),
        ("C4", {"constant": runs("dseparation", [False] * 3, [False] * 3)}, NOTHING_TO_PREVENT),
        ("C5", {"gain": (0.01, 0.2)}, REPLICATES),
        ("C5", {"gain": (-0.01, 0.2)}, FAILS),
        ("C5", {"gain": (-0.1, 0.9)}, UNSETTLED),  # too few seeds, or too scattered, are no refutation
        ("C5", {"gain": (0.0, 0.0)}, FAILS),
        ("C5", MERGED | PLAIN_IS_NOT_CONSTANT, "explained by A10 and A11"),
        ("C5", MERGED | PLAIN_IS_NOT_CONSTANT | {"gain": (-0.1, 0.9)}, UNSETTLED),
        ("C5", MERGED, UNSETTLED),
        ("C6", {"pairs_gained": {"transitivity": (0.1, 0.2), "dseparation": (0.1, 0.2)}}, REPLICATES),
        ("C6", {"pairs_gained": {"transitivity": (0.1, 0.2), "dseparation": (-0.1, 0.05)}}, FAILS),
        ("C6", {"pairs_gained": {"transitivity": (0.1, 0.2), "dseparation": (-0.1, 0.2)}}, UNSETTLED),
        ("C6", {"pairs_gained": {"transitivity": (0.1, 0.2)}}, UNSETTLED),
        ("C7", {"answers": 250_000, "variants": 5}, REPLICATES),
        ("C7", {"answers": 250_000, "variants": 4}, UNSETTLED),
        ("C8", {"constant": controls([False] * 3, [False] * 3)}, FAILS),
        ("C8", {"constant": controls([False] * 3, [])}, "transitivity: does not replicate; dseparation: not settled"),
        ("C8", {"constant": controls([False] * 2, [True, False, True])}, UNSETTLED),
        ("C8", {"constant": controls([True] * 3, [True] * 3)}, UNSETTLED),
        (
            "C8",
            {"constant": controls([False] * 3, [True] * 4) | {"dseparation_semantic": [False] * 4}},
            "transitivity: does not replicate; dseparation: replicates",
        ),
        (
            "C8",
            {"constant": controls([False] * 3, [True] * 3) | {"dseparation_semantic": [False] * 4}},
            "transitivity: does not replicate; dseparation: replicates",
        ),
        (
            "C8",
            {"constant": controls([False] * 3, [True] * 3) | {"dseparation_semantic": [False] * 3}},
            "transitivity: does not replicate; dseparation: not settled",
        ),
        ("C8", {"constant": controls([], [True] * 3) | {"dseparation_semantic": [True] * 3}}, UNSETTLED),
    ],
)
def test_each_rule(claim, evidence, verdict):
    assert verdicts(Evidence(**evidence))[claim] == verdict


def test_what_explains_a_published_figure_stands_however_many_seeds_there_are():
    enough = {"transitivity_ce": [False] * 3, "transitivity_semantic": [False] * 3}
    found = Evidence(**MERGED | PLAIN_IS_NOT_CONSTANT | {"constant": enough, "gain": (-0.1, 0.1)})
    assert explanations(found) == {
        "C1": "explained by A11",
        "C3": "explained by A10",
        "C5": "explained by A10 and A11",
    }
    judged = verdicts(found)
    assert judged["C1"].startswith("transitivity: does not replicate") and judged["C3"] == NOTHING_TO_PREVENT
    assert judged["C5"] == FAILS
    assert explanations(Evidence(**MERGED)) == {"C3": "explained by A10"} and explanations(Evidence()) == {}


def test_a_verdict_that_hangs_on_the_share_says_what_it_would_be_at_another():
    at = {0.9: {"C1": FAILS, "C2": FAILS, "C3": UNSETTLED}, 0.995: {"C1": FAILS, "C2": UNSETTLED, "C3": REPLICATES}}
    said = at_other_shares({"C1": FAILS, "C2": REPLICATES, "C3": UNSETTLED}, at)
    assert said == {"C1": "", "C2": f"from 90 %: {FAILS}; from 99.5 %: {UNSETTLED}", "C3": f"from 99.5 %: {REPLICATES}"}
