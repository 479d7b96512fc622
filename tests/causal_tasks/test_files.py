"""JSON lines in and out, the external forms, the label check and the command line."""

import itertools
import json
import runpy

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from causal_tasks.export import main as export
from causal_tasks.files import MOST_QUESTIONS, FileFormatError, read_jsonl, write_jsonl
from causal_tasks.labels import check_labels
from causal_tasks.suites import build
from models.prompts import PROMPTS

GOOD = {"premise": "A causes B. B causes C.", "hypothesis": "Does A cause C?", "label": "Yes"}


def write(path, *records):
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    path.write_text("".join(line + "\n" for line in lines))
    return path


@pytest.mark.parametrize("task, count", [("transitivity", 1), ("dseparation", 4)])
def test_corrected_items_survive_the_round_trip(tmp_path, task, count):
    items = build(task, "corrected", "in_distribution", 40, 0, count)
    assert write_jsonl(items, tmp_path / "suite.jsonl") == 40
    again = read_jsonl(tmp_path / "suite.jsonl", task)
    assert [[(q.id, q.hypothesis, q.label, q.question) for q in item.questions] for item in again] == [
        [(q.id, q.hypothesis, q.label, q.question) for q in item.questions] for item in items
    ]
    assert [(item.premise, item.graph, item.task) for item in again] == [(i.premise, i.graph, i.task) for i in items]
    report = check_labels(again)
    assert report.agreeing == report.questions == 40


def test_released_rows_load_as_they_are_and_are_counted(tmp_path):
    """Four rows in the released form: a chain, a cycle by a repeated name, lost separators, a wrong label (A4)."""
    path = write(
        tmp_path / "released.jsonl",
        {"premise": "e causes FI. FI causes fXi.", "hypothesis": "Does e cause fXi?", "label": "Yes"},
        {"premise": "c causes v. v causes c. z causes v.", "hypothesis": "Does c cause v?", "label": "Yes"},
        {"premise": "b causes Q L causes Xu Q causes I21.", "hypothesis": "Does b cause L?", "label": "No"},
        {"premise": "a causes b. b causes c.", "hypothesis": "Are c and a d-separated given {b}?", "label": "No"},
    )
    items = read_jsonl(path)
    assert [item.task for item in items] == ["transitivity"] * 3 + ["dseparation"]
    assert items[2].graph is None and items[2].questions[0].question is not None
    assert items[0].questions[0].id == "released-000001"
    report = check_labels(items)
    assert (report.questions, report.agreeing) == (4, 1)
    assert report.disagreeing == (("released-000004", False, True),)
    assert [reason.split(" ")[0] for _, reason in report.unanswerable] == ["the", "unparseable"]


def test_prompt_completion_form(tmp_path):
    path = write(
        tmp_path / "axioms.jsonl",
        {
            "prompt": "Answer the following question with ONLY 'Yes' or 'No'.\n\n"
            "Premise: 1 causes V. 1 causes jbj. Are V and jbj d-separated given {1}?",
            "completion": "Yes",
        },
        {
            "prompt": "Given the following causal relationships:\nA causes B.\n\nDoes B cause A?\n"
            "Please answer with only 'Yes' or 'No'.",
            "completion": " No",
        },
    )
    first, second = read_jsonl(path)
    assert (first.premise, first.questions[0].hypothesis) == (
        "1 causes V. 1 causes jbj.",
        "Are V and jbj d-separated given {1}?",
    )
    assert (second.premise, second.questions[0].hypothesis, second.questions[0].label) == (
        "A causes B.",
        "Does B cause A?",
        False,
    )
    assert check_labels([first, second]).agreeing == 2


def test_dictionary_form_even_without_the_last_full_stop(tmp_path):
    path = tmp_path / "authors.json"
    path.write_text(
        json.dumps(
            {
                "w3 causes ROv. H causes w3. Does H cause ROv?": "Yes",
                "T causes Eg. e causes T. e causes ID Are Eg and ID d-separated given {e}?": "Yes",
            }
        )
    )
    items = read_jsonl(path)
    assert items[1].premise == "T causes Eg. e causes T. e causes ID."
    assert check_labels(items).agreeing == 2


def test_lines_about_one_premise_become_items_of_bounded_size(tmp_path):
    names = [f"n{i}" for i in range(6)]
    premise = " ".join(f"{a} causes {b}." for a, b in itertools.pairwise(names))
    records = [
        {"premise": premise, "hypothesis": f"Does {a} cause {b}?", "label": "Yes" if a < b else "No"}
        for a in names
        for b in names
        if a != b
    ]
    items = read_jsonl(write(tmp_path / "many.jsonl", *records, GOOD))
    assert [len(item.questions) for item in items] == [MOST_QUESTIONS, 30 - MOST_QUESTIONS, 1]
    assert len({item.id for item in items}) == 3
    assert check_labels(items).agreeing == 31


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


PROMPT = {"prompt": "Premise: A causes B. Does A cause B?", "completion": "Yes"}


def prompt(text):
    return PROMPT | {"prompt": text}


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


def test_a_heading_may_stand_before_the_question(tmp_path):
    wording = PROMPTS["dseparation_released"].format(premise="A causes B.", hypothesis="Are A and B d-separated?")
    path = write(
        tmp_path / "headed.jsonl", PROMPT | {"prompt": wording}, prompt("Facts: A causes B. Q: Does A cause B?")
    )
    items = read_jsonl(path)
    assert [item.premise for item in items] == ["A causes B."] * 2 and [item.task for item in items] == [
        "dseparation",
        "transitivity",
    ]


def test_no_text_is_read_twice_as_one(tmp_path):
    path = tmp_path / "authors.json"
    path.write_text('{"A causes B. Does A cause B?": "Yes", "A causes B. Does A cause B?": "No"}')
    with pytest.raises(FileFormatError, match="authors.json:1: key 'A causes B. Does A cause B.' is given twice"):
        read_jsonl(path)


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


def test_an_interrupted_write_leaves_the_file_as_it_was(tmp_path):
    def breaking():
        yield build("transitivity", "corrected", "train", 1, 0)[0]
        raise KeyboardInterrupt

    path = write(tmp_path / "suite.jsonl", GOOD)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_jsonl(breaking(), path)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["suite.jsonl"]


def test_export_refuses_a_bad_split_before_it_writes_a_good_one(tmp_path, capsys):
    settings = ["export=lm_eval", "task=transitivity", "protocol=corrected", "split=length,longer", "n=4"]
    assert export([*settings, f"out={tmp_path / 'folder'}"]) == 2
    assert "unknown split 'longer'" in capsys.readouterr().err and not (tmp_path / "folder").exists()


def test_export_writes_the_same_bytes_and_refuses_bad_arguments(tmp_path, capsys):
    arguments = ["task=dseparation", "protocol=corrected", "split=length", "n=30", "seed=5"]
    assert export([*arguments, f"out={tmp_path / 'a.jsonl'}"]) == 0
    assert export([*arguments, f"out={tmp_path / 'b.jsonl'}"]) == 0
    written = (tmp_path / "a.jsonl").read_bytes()
    assert written == (tmp_path / "b.jsonl").read_bytes()
    records = [json.loads(line) for line in written.splitlines()]
    assert len(records) == 30 and list(records[0]) == ["id", "premise", "hypothesis", "label"]
    card = (tmp_path / "a.card.md").read_text()
    assert card == (tmp_path / "b.card.md").read_text()
    assert "| dseparation | corrected | length | chains (d-separation: paths) of 7-15 nodes" in card and "50.0" in card
    capsys.readouterr()
    for bad, reason in [
        (["n=many", "out=x"], "n= is a whole number"),
        (["size=4"], "unknown argument 'size=4'"),
        (["n=3"], "given twice"),
        ([], "missing out="),
        (["out=x", "export=parquet"], "unknown export 'parquet'; allowed: jsonl, lm_eval"),
    ]:
        assert export([*(arguments[:3] if "n=many" in bad else arguments), *bad]) == 2
        assert reason in capsys.readouterr().err


def test_adversarial_records_carry_pair_and_family(tmp_path):
    out = tmp_path / "adversarial.jsonl"
    assert export(["task=transitivity", "protocol=corrected", "split=adversarial", "n=20", f"out={out}"]) == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert list(records[0]) == ["id", "premise", "hypothesis", "label", "pair", "family"]
    for one, other in zip(records[::2], records[1::2]):
        assert one["pair"] == other["pair"] and {one["label"], other["label"]} == {"Yes", "No"}
    again = [question.strata for item in read_jsonl(out) for question in item.questions]
    assert again == [{"pair": record["pair"], "family": record["family"]} for record in records]


class HarnessYaml(yaml.SafeLoader):
    """As the harness reads it, but `!function MODULE.NAME` stays text."""


HarnessYaml.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def test_harness_folder_holds_the_published_prompt_and_every_record(tmp_path):
    settings = ["export=lm_eval", "task=transitivity,dseparation", "protocol=corrected", "split=length,adversarial"]
    assert export([*settings, "n=12", f"out={tmp_path}"]) == 0
    group = yaml.safe_load((tmp_path / "causal_questions.yaml").read_text())
    assert group["task"] == [
        f"causal_{task}_corrected_{split}"
        for task in ("transitivity", "dseparation")
        for split in ("length", "adversarial")
    ]
    for name in group["task"]:
        definition = yaml.load((tmp_path / f"{name}.yaml").read_text(), HarnessYaml)
        assert definition["task"] == name and definition["doc_to_choice"] == ["Yes", "No"]
        records = [json.loads(line) for line in (tmp_path / definition["dataset_kwargs"]["data_files"]["test"]).open()]
        assert len(records) == 12 and {record["label"] for record in records} == {"Yes", "No"}
        prompt = definition["doc_to_text"].replace("{{premise}}", "P.").replace("{{hypothesis}}", "H?")
        assert prompt == PROMPTS["benchmark"].format(premise="P.", hypothesis="H?")
        module, function = definition["metric_list"][1]["aggregation"].split(".")
        mcc = runpy.run_path(str(tmp_path / f"{module}.py"))[function]
        assert mcc([(0, 0), (1, 1)]) == 1.0 and mcc([(0, 1), (1, 1)]) == 0.0
    assert "Families of minimal pairs" in (tmp_path / "README.md").read_text()


def test_single_class_files_load(tmp_path):
    items = read_jsonl(write(tmp_path / "one.jsonl", GOOD))
    assert [question.label for item in items for question in item.questions] == [True]
