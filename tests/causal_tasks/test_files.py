"""JSON lines in and out, the external forms and the label check."""

import itertools
import json

import pytest

from causal_tasks.files import MOST_QUESTIONS, FileFormatError, read_jsonl, write_jsonl
from causal_tasks.labels import check_labels
from causal_tasks.suites import build
from models.prompts import PROMPTS
from tests.causal_tasks.example_files import GOOD, PROMPT, prompt, write


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


def test_an_interrupted_write_leaves_the_file_as_it_was(tmp_path):
    def breaking():
        yield build("transitivity", "corrected", "train", 1, 0)[0]
        raise KeyboardInterrupt

    path = write(tmp_path / "suite.jsonl", GOOD)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_jsonl(breaking(), path)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["suite.jsonl"]


def test_single_class_files_load(tmp_path):
    items = read_jsonl(write(tmp_path / "one.jsonl", GOOD))
    assert [question.label for item in items for question in item.questions] == [True]
