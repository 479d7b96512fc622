"""The wording, and back."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_tasks.graphs import CausalGraph
from causal_tasks.questions import (
    ParseError,
    Question,
    parse,
    parse_premise,
    parse_question,
    say_premise,
    say_question,
)

names = st.text("abcXYZ019_-", min_size=1, max_size=4)


def test_wording_is_the_published_one():
    graph = CausalGraph((("A", "B"), ("B", "C")))
    assert say_premise(graph) == "A causes B. B causes C."
    assert say_question(Question("transitivity", "A", "C")) == "Does A cause C?"
    assert say_question(Question("dseparation", "A", "C")) == "Are A and C d-separated?"
    assert (
        say_question(Question("dseparation", "A", "C", ("Y", "B", "X"))) == "Are A and C d-separated given {B, X, Y}?"
    )
    assert graph.nodes == ("A", "B", "C")


@pytest.mark.parametrize("name", ["e\u0301tat", "हिन्दी", "ที่", "数", "Alzheimer's", "X/Y", "(a)"])
def test_names_of_any_script_are_read(name):
    graph = CausalGraph(((name, "B"),))
    assert parse_premise(say_premise(graph)) == graph
    for question in (Question("transitivity", name, "B"), Question("dseparation", "B", "C", (name,))):
        assert parse_question(say_question(question)) == question


def test_hidden_causes_are_said_and_read():
    graph = CausalGraph((("A", "B"),), hidden=(("B", "C"),))
    assert say_premise(graph) == "A causes B. B and C share a hidden cause."
    assert parse_premise(say_premise(graph)) == graph
    assert graph.nodes == ("A", "B", "C")


@given(st.lists(st.tuples(names, names), min_size=1), st.lists(st.tuples(names, names)))
def test_premise_survives_the_round_trip(edges, hidden):
    graph = CausalGraph(tuple(edges), tuple(hidden))
    assert parse_premise(say_premise(graph)) == graph


@given(st.sampled_from(["transitivity", "dseparation"]), names, names, st.sets(names))
def test_question_survives_the_round_trip(task, source, target, conditioned):
    question = Question(task, source, target, tuple(conditioned) if task == "dseparation" else ())
    assert parse_question(say_question(question)) == question


@pytest.mark.parametrize(
    "premise, hypothesis, reason",
    [
        ("A causes B. B prevents C.", "Does A cause B?", "unparseable sentence 'B prevents C'"),
        ("A causes B B causes C.", "Does A cause B?", "unparseable sentence"),
        ("", "Does A cause B?", "no sentence"),
        ("A causes B.", "Does A cause C?", "unknown node 'C'"),
        ("A causes B.", "Are A and B d-separated given {C}?", "unknown node 'C'"),
        ("A causes B.", "Does A cause A?", "asks about a node and itself"),
        ("A causes B. B causes C.", "Are A and C d-separated given {A}?", "own conditioning set"),
        ("A causes B. B causes A.", "Does A cause B?", "cycle"),
        ("A causes B.", "Might A cause B?", "unparseable hypothesis"),
        ("A causes B.", "Are A and B d-separated given {}?", "conditioning set"),
        ("A causes B. B causes C.", "Are A and C d-separated given {B, B}?", "conditioning set"),
    ],
)
def test_what_cannot_be_read_is_refused_naming_the_text(premise, hypothesis, reason):
    with pytest.raises(ParseError, match=reason) as error:
        parse(premise, hypothesis)
    assert premise in str(error.value) or hypothesis in str(error.value)


def test_unknown_task_and_conditioned_transitivity_are_refused():
    with pytest.raises(ValueError, match="allowed: transitivity, dseparation"):
        Question("counterfactual", "A", "B")
    with pytest.raises(ValueError, match="no conditioning set"):
        Question("transitivity", "A", "B", ("C",))


# Pieces of the wording in any order, and anything else.
pieces = st.sampled_from(
    ["A", "B", "C", " ", ".", "?", "{", "}", ", ", "causes", " causes ", " and ", "Does ", " cause ", "Are ", " d-separated",
     " given ", " share a hidden cause", "\u2028", "é"]
)  # fmt: skip
texts = st.lists(pieces | st.text(max_size=3), max_size=14).map("".join)


@settings(max_examples=300)
@given(texts)
def test_any_text_is_read_and_said_again_or_refused_in_one_line(text):
    for read, say in ((parse_premise, say_premise), (parse_question, say_question)):
        try:
            found = read(text)
        except ParseError as error:
            assert "\n" not in str(error) and len(str(error)) < 500
        else:
            assert read(say(found)) == found


@settings(max_examples=200)
@given(st.lists(st.tuples(names, names), min_size=1, max_size=5), st.data())
def test_a_premise_that_lost_or_gained_something_is_another_or_refused(edges, data):
    """Never the same graph: nothing that is stated may be passed over. Spaces and full stops beside others are nothing."""
    text = say_premise(CausalGraph(tuple(edges)))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 4)))
    changed = text[:start] + data.draw(st.sampled_from(["", "x", "causes", "\n", "?", "{}"])) + text[end:]
    try:
        graph = parse_premise(changed)
    except ParseError:
        return

    def stated(words: str) -> str:
        return re.sub(r"[\s.]+", " ", words).strip()

    assert graph.edges != tuple(edges) or stated(changed) == stated(text)


def test_a_message_quotes_no_whole_file():
    with pytest.raises(ParseError) as error:
        parse("A causes B. " * 10_000 + "B prevents C.", "Does A cause B?")
    assert len(str(error.value)) < 400
