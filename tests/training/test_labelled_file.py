"""Training data from a file: wrong labels are refused by line, or kept by an explicit switch."""

import json

import pytest

from causal_tasks.files import write_jsonl
from causal_tasks.suites import build
from input_output.errors import SettingsError, UserError
from training.fine_tune import oracle_of_the_semantic_term, training_items
from training.labelled_file import WrongLabel, read_training_file
from training.settings import check_settings

CHAIN = "A causes B. B causes C."
LINES = [
    {"premise": CHAIN, "hypothesis": "Does A cause C?", "label": "Yes"},
    {"premise": CHAIN, "hypothesis": "Does C cause A?", "label": "Yes", "id": "wrong"},
    {"premise": CHAIN, "hypothesis": "Does A cause B?", "label": "No"},
]


def written(path, lines):
    path.write_text("\n" + "\n\n".join(json.dumps(line) for line in lines) + "\n")  # blank lines count as lines
    return path


def test_the_first_wrong_label_is_named_with_its_line(tmp_path):
    path = written(tmp_path / "own.jsonl", LINES)
    with pytest.raises(WrongLabel) as refusal:
        read_training_file(path, "transitivity", keep_wrong_labels=False)
    assert f"{path}:4: labelled Yes, but the graph entails No: Does C cause A? (2 of 3 labels" in str(refusal.value)
    (item,) = read_training_file(path, "transitivity", keep_wrong_labels=True)
    assert [question.label for question in item.questions] == [True, True, False]


def test_a_line_separator_within_a_text_ends_no_line(tmp_path):
    path = tmp_path / "own.jsonl"
    lines = [LINES[0] | {"premise": "A causes B.\u2028B causes C."}, LINES[1]]
    path.write_text("\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    with pytest.raises(WrongLabel, match="own.jsonl:3: labelled Yes"):
        read_training_file(path, "transitivity", keep_wrong_labels=False)


def test_text_that_entails_nothing_is_refused_even_if_wrong_labels_are_kept(tmp_path):
    path = written(tmp_path / "own.jsonl", [*LINES[:1], LINES[0] | {"hypothesis": "Does A cause Z?"}])
    with pytest.raises(WrongLabel, match=r"own.jsonl:4: unknown node 'Z'"):
        read_training_file(path, "transitivity", keep_wrong_labels=True)


def test_entries_of_a_dictionary_are_counted(tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps({f"{CHAIN} Does A cause C?": "Yes", f"{CHAIN} Does B cause A?": "Yes"}, indent=1))
    with pytest.raises(WrongLabel, match="own.json:2: labelled Yes"):
        read_training_file(path, "transitivity", keep_wrong_labels=False)


def test_a_file_takes_the_place_of_generated_questions(composed, tmp_path):
    path = tmp_path / "own.jsonl"
    write_jsonl(build("dseparation", "corrected", "train", 40, 0, 2), path)
    cfg = composed("scale=smoke", "task=dseparation", f"data.path={path}")
    check_settings(cfg)
    assert sum(len(item.questions) for item in training_items(cfg)) == 40


def asked_of(item, cfg):
    """What the semantic term asks for where labels may be other."""
    oracle = oracle_of_the_semantic_term(cfg)
    return oracle and [oracle(item.graph, question.question) for question in item.questions]


@pytest.mark.parametrize("protocol", ["corrected", "released"])
def test_of_a_wrong_label_that_is_kept_the_semantic_term_asks_what_the_graph_entails(composed, tmp_path, protocol):
    path = written(tmp_path / "own.jsonl", LINES)
    overrides = ["scale=smoke", f"protocol={protocol}", f"data.path={path}", "data.wrong_labels=keep"]
    cfg = composed(*overrides)
    (item,) = training_items(cfg)
    assert [question.label for question in item.questions] == [True, True, False]
    assert asked_of(item, cfg) == [True, False, True]
    assert asked_of(item, composed(*overrides, "faults.oracle_of_the_labels=true")) is None  # the labels


@pytest.mark.parametrize("protocol", ["corrected", "released"])
def test_the_semantic_term_knows_of_hidden_common_causes_in_a_file(composed, tmp_path, protocol):
    premise = "A causes B. B and C share a hidden cause."
    lines = [
        {"premise": premise, "hypothesis": "Are B and C d-separated?", "label": "No"},
        {"premise": premise, "hypothesis": "Are A and C d-separated?", "label": "Yes"},
        {"premise": premise, "hypothesis": "Are A and C d-separated given {B}?", "label": "No"},
    ]
    path = written(tmp_path / "own.jsonl", lines)
    cfg = composed("scale=smoke", "task=dseparation", f"protocol={protocol}", f"data.path={path}")
    (item,) = training_items(cfg)
    assert asked_of(item, cfg) == [False, True, False]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "data.path=nowhere.jsonl: no such file"),
        (["data.yes_share=0.5"], "data.yes_share: a file has its own share of Yes"),
        (["task.questions=families", "task.questions_per_graph=6"], "task.questions=families: a file has its own"),
        (["data.path=null", "data.wrong_labels=keep"], "data.wrong_labels=keep: concerns a file; give data.path"),
        (["data.wrong_labels=drop"], "data.wrong_labels=drop: must be one of keep"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_any_work(composed, overrides, message):
    with pytest.raises((UserError, SettingsError)) as refusal:
        check_settings(composed("data.path=nowhere.jsonl", *overrides))
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_file_has_its_own_number_of_questions_a_graph(composed, tmp_path):
    """What a loss needs of them is held against the file, not against task.questions_per_graph."""
    families, single = tmp_path / "families.jsonl", tmp_path / "single.jsonl"
    write_jsonl(build("transitivity", "corrected", "train", 12, 0, 6, questions="families"), families)
    write_jsonl(build("transitivity", "corrected", "train", 4, 0), single)
    six = "task.questions_per_graph=6"
    check_settings(composed(f"data.path={families}", "loss=exact_semantic"))
    check_settings(composed(f"data.path={single}", "data.sampler=balanced", six))
    for path, settings, message in (
        (
            single,
            ["loss=exact_semantic", six],
            "(most lines in a row on one graph: 1): loss=exact_semantic needs at least 6",
        ),
        (families, ["data.sampler=balanced"], "data.sampler=balanced: needs one question a graph, not data.path="),
    ):
        with pytest.raises(SettingsError) as refusal:
            check_settings(composed(f"data.path={path}", *settings))
        assert message in str(refusal.value) and "task.questions=families" not in str(refusal.value)


def test_a_file_may_ask_one_question_in_both_orders(composed, tmp_path):
    """Which two generated questions on a graph never do: these are refused."""
    asked = [
        {"premise": CHAIN, "hypothesis": f"Are {pair} d-separated?", "label": "No"} for pair in ("A and C", "C and A")
    ]
    check_settings(
        composed("task=dseparation", f"data.path={written(tmp_path / 'own.jsonl', asked)}", "loss=exact_semantic")
    )


def test_the_splits_are_listed(run_export):
    status, printed = run_export("list")
    assert status == 0
    assert "task=transitivity protocol=released split=train|" in printed
    assert "hidden" in next(line for line in printed.splitlines() if "dseparation protocol=corrected" in line)


@pytest.fixture
def run_export(capsys):
    from causal_tasks.export import main

    return lambda *arguments: (main(list(arguments)), capsys.readouterr().out)
