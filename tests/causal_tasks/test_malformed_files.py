"""What cannot be read is refused with file, line and reason, whatever it holds."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from causal_tasks.files import FileFormatError, read_jsonl
from causal_tasks.labels import check_labels
from tests.causal_tasks.example_files import GOOD, PROMPT, prompt, write


@pytest.mark.parametrize(
    "records, line, reason",
    [
        ([GOOD, '{"premise": "A causes'], 2, "not JSON"),
        ([GOOD, "[1, 2]"], 2, "expected a JSON object"),
        ([GOOD, GOOD, {"premise": "A causes B.", "hypothesis": "Does A cause B?"}], 3, "no key 'label'"),
        ([GOOD | {"label": "Maybe"}], 1, "label 'Maybe'; allowed: Yes, No"),
        ([GOOD | {"label": True}], 1, "label True; allowed: Yes, No"),
        ([GOOD | {"label": ["Yes"]}], 1, "allowed: Yes, No"),
        ([GOOD | {"id": "x"}, GOOD, GOOD | {"id": "x"}], 3, "duplicate id 'x', first on line 1"),
        ([GOOD, GOOD | {"pair": "p"}, GOOD | {"pair": "p"}], 2, "pair 'p': expected one Yes and one No question"),
        ([{"prompt": "A causes B. What now?", "completion": "Yes"}], 1, "no question"),
        ([], 1, "empty file"),
        (
            [GOOD, {"premise": "A causes B.", "hypothesis": "Are A and B d-separated?", "label": "No"}],
            2,
            "dseparation question",
        ),
    ],
)
def test_malformed_lines_are_reported_with_file_and_line(tmp_path, records, line, reason):
    path = write(tmp_path / "bad.jsonl", *records)
    with pytest.raises(FileFormatError, match=reason) as error:
        read_jsonl(path, task="transitivity")
    assert str(error.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (GOOD | {"premise": None}, "premise is null; expected a text"),
        (GOOD | {"premise": ["A causes B."]}, "premise is a list; expected a text"),
        (GOOD | {"hypothesis": {"text": "Does A cause C?"}}, "hypothesis is an object; expected a text"),
        (GOOD | {"hypothesis": " "}, "hypothesis is empty"),
        (GOOD | {"id": None}, "id is null; expected a text"),
        (GOOD | {"id": True}, "id is true or false; expected a text"),
        (GOOD | {"pair": 3}, "pair is a number; expected a text"),
        (GOOD | {"pair": None, "family": "x"}, "pair is null; expected a text"),
        (GOOD | {"label": {"answer": "Yes" * 1000}}, "label {'answer': 'YesYes"),
        (PROMPT | {"completion": None}, "completion is null; expected a text"),
        (PROMPT | {"prompt": 7}, "prompt is a number; expected a text"),
        (prompt("Does A cause B?"), "no premise 'A causes B.' before the question"),
        (prompt("Premise: A causes B. Now: think. Does A cause B?"), "no premise"),
        (prompt("Question: Does A cause B? Premise: A causes B."), "no premise"),
        (prompt("A causes B. And: B causes C. Does A cause C?"), "sentences outside the premise 'B causes C.'"),
        (prompt("A causes B. Does A cause C? B causes C."), "sentences outside the premise 'A causes B.'"),
        (prompt("A causes B. Does A cause B? Does B cause A?"), "2 questions in one prompt; expected one"),
        (prompt("A causes B. B causes C. C causes D Question: Does A cause C?"), "sentences outside the premise"),
        (
            prompt("A causes B. Conditioning on {B}: Are A and B d-separated?"),
            "a conditioning set outside the question",
        ),
        (prompt("A causes B. Are A and B d-separated? Condition on B."), "a conditioning set outside the question"),
        (prompt("A causes B. {B}: Are A and B d-separated?"), "a conditioning set outside the question"),
        (
            '{"prompt": "X causes Y. Does Y cause X?", "completion": "No", "label": "Yes"}',
            "prompt, completion and label: a question in two forms",
        ),
        ('{"premise": "A causes B.", "label": "Yes", "label": "No"}', "key 'label' is given twice"),
        ('{"premise": "\\ud800 causes B.", "label": "Yes"}', r"half a surrogate pair, \ud800, is not text"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps(GOOD | {"note": [[]]}).replace("[]", "[" * 100_000 + "]" * 100_000), "nested too deeply"),
        ("9" * 5000, "Exceeds the limit (4300 digits)"),
        ("\x0c", "not JSON"),
    ],
    ids=lambda value: None if isinstance(value, str) and len(value) < 60 else "record",
)
def test_values_of_another_kind_are_refused_and_no_premise_is_lost(tmp_path, record, reason):
    path = write(tmp_path / "bad.jsonl", GOOD, record)
    with pytest.raises(FileFormatError) as error:
        read_jsonl(path)
    message = str(error.value)
    assert message.startswith(f"{path}:2: {reason}") and len(message) < len(str(path)) + 300


def test_files_that_are_not_utf_8_or_cannot_be_opened_are_refused(tmp_path):
    path = write(tmp_path / "latin.jsonl", GOOD)
    path.write_bytes(path.read_bytes() + '{"premise": "Café causes B."}'.encode("latin-1"))
    with pytest.raises(FileFormatError, match="latin.jsonl:2: not UTF-8: invalid continuation byte 0xe9"):
        read_jsonl(path)
    path.write_bytes(json.dumps(GOOD).encode("utf-16"))
    with pytest.raises(FileFormatError, match="latin.jsonl:1: not UTF-8: invalid start byte 0xff"):
        read_jsonl(path)
    with pytest.raises(FileFormatError, match="nowhere.jsonl: cannot be read: No such file"):
        read_jsonl(tmp_path / "nowhere.jsonl")
    with pytest.raises(FileFormatError, match="cannot be read: Is a directory"):
        read_jsonl(tmp_path)


def test_only_ends_of_lines_end_a_record(tmp_path):
    """U+2028, U+2029 and U+0085 may stand in a JSON text as they are; Windows' line ends and a byte order mark may stand around it."""
    path = tmp_path / "separators.jsonl"
    record = json.dumps(GOOD | {"id": "a\u2028b\u2029c\u0085d"}, ensure_ascii=False)
    path.write_bytes(f"\ufeff{record}\r\n\r\n{json.dumps(GOOD | {'id': 7})}\r\n".encode())
    (item,) = read_jsonl(path)
    assert [question.id for question in item.questions] == ["a\u2028b\u2029c\u0085d", "7"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([GOOD | {"id": "x", "pair": "p"}, PROMPT]), st.data(), json_values)
def test_any_value_under_any_key_is_read_as_it_is_or_refused(tmp_path, record, data, value):
    key = data.draw(st.sampled_from([*record, "other"]))
    path = write(tmp_path / "any.jsonl", record | {key: value})
    try:
        (item,) = read_jsonl(path)
    except FileFormatError as error:
        assert str(error).startswith(f"{path}:1: ") and "\n" not in str(error)
    else:
        (question,) = item.questions
        given_back = {"premise": item.premise, "hypothesis": question.hypothesis, "id": question.id} | question.strata
        assert key in ("other", "label", "prompt", "completion") or given_back[key] == (
            value if key != "id" else str(value)
        )
        assert check_labels([item]).questions == 1


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=30), st.data())
def test_any_bytes_in_any_place_are_read_or_refused(tmp_path, inserted, data):
    before = json.dumps(GOOD).encode() + b"\n" + json.dumps(PROMPT).encode() + b"\n"
    start = data.draw(st.integers(0, len(before)))
    path = tmp_path / "any.jsonl"
    path.write_bytes(before[:start] + inserted + before[data.draw(st.integers(start, len(before))) :])
    try:
        assert read_jsonl(path)
    except FileFormatError as error:
        assert str(error).startswith(f"{path}:") and "\n" not in str(error)
