"""Training data from a file: every label is held against what its graph entails before anything is trained."""

from pathlib import Path

from causal_tasks.files import read_jsonl
from causal_tasks.items import Item
from causal_tasks.labels import check_labels
from input_output.errors import UserError
from input_output.reading import json_lines


class WrongLabel(UserError, ValueError):
    """One line: file:line, the label, and what the graph entails or why it entails nothing."""


def read_training_file(path: str | Path, task: str, keep_wrong_labels: bool) -> list[Item]:
    """The questions of a file (causal_tasks/files.py says which it reads), all of ``task``.

    keep_wrong_labels: train on labels that the graph does not entail as they stand.
    Raises:
        FileFormatError: a file that cannot be read as labelled questions of this task.
        WrongLabel: the first label that the graph does not entail, or text that entails nothing.
    """
    items = read_jsonl(path, task)
    report = check_labels(items)
    wrong = {} if keep_wrong_labels else {key: (label, entailed) for key, label, entailed in report.disagreeing}
    unanswerable = dict(report.unanswerable)
    if wrong or unanswerable:
        _refuse_the_first(path, items, wrong, unanswerable)
    return items


def _refuse_the_first(path: str | Path, items: list[Item], wrong: dict, unanswerable: dict) -> None:
    questions = [question for item in items for question in item.questions]
    # Items keep the order of the file; a .json dictionary counts its entries.
    numbered = Path(path).suffix == ".json"
    lines = range(1, len(questions) + 1) if numbered else [line for line, _ in json_lines(path)]
    for line, question in zip(lines, questions, strict=True):
        if question.id in unanswerable:
            raise WrongLabel(f"{path}:{line}: {unanswerable[question.id]}")
        if question.id in wrong:
            label, entailed = ("Yes" if answer else "No" for answer in wrong[question.id])
            raise WrongLabel(
                f"{path}:{line}: labelled {label}, but the graph entails {entailed}: {question.hypothesis} "
                f"({len(wrong)} of {len(questions)} labels are wrong; data.wrong_labels=keep trains on them)"
            )
