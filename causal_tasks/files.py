"""Items in and out of files.

Written: JSON lines `{"id", "premise", "hypothesis", "label": "Yes"|"No"}`, with `pair` and `family` where an item has
them. Read: the same (id optional), `{"prompt", "completion"}` lines, and the JSON dictionaries `{text: answer}` of the
axiomatic-training authors (arXiv:2407.07612), whose text is the premise followed by the question.
"""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.questions import TASKS, ParseError, parse_premise, parse_question

EXPORTED_STRATA = ("pair", "family")
# Some external files ask hundreds of questions about one premise; an item is scored in one pass and must stay small.
MOST_QUESTIONS = 16

_encode = json.JSONEncoder(ensure_ascii=False).encode
_LABELS = {"Yes": True, "No": False}
# The question that ends a prompt, perhaps before an instruction; what stands before it is the premise.
_QUESTION = re.compile(r"(Does \S+ cause \S+\?|Are \S+ and \S+ d-separated(?: given \{[^{}]*\})?\?)")


class FileFormatError(ValueError):
    """A file that does not hold labelled questions; the message is `file:line: reason`."""


def write_jsonl(items: Iterable[Item], path: str | Path) -> int:
    """Write one line per question and return their number; the same items give the same bytes.

    Items are written as they come, into a file beside `path` that takes its name at the end: `path` is whole or as it
    was before.
    """
    path, count = Path(path), 0
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            for item in items:
                for record in _records(item):
                    file.write(_encode(record) + "\n")
                    count += 1
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _records(item: Item) -> Iterator[dict]:
    for question in item.questions:
        record = {"id": question.id, "premise": item.premise, "hypothesis": question.hypothesis}
        record["label"] = "Yes" if question.label else "No"
        yield record | {key: question.strata[key] for key in EXPORTED_STRATA if key in question.strata}


def read_jsonl(path: str | Path, task: str | None = None) -> list[Item]:
    """Read labelled questions; consecutive lines with one premise become one item of up to MOST_QUESTIONS questions.

    Labels are taken as they stand (see labels.check_labels). A premise or hypothesis that is not in the wording of
    causal_tasks.questions is kept, with graph or question None, since the released `shuffled` suite has no other.

    Args:
        path: JSON lines, or one JSON dictionary if the name ends in `.json`.
        task: read only files of this task; None lets every line tell its own from its question.

    Raises:
        FileFormatError: not JSON, a missing or unknown key, a label other than Yes and No, a duplicate id, an empty
            file, or a question of another task.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if task is not None and task not in TASKS:
        raise ValueError(f"unknown task {task!r}; allowed: {', '.join(TASKS)}")
    rows = [_Row(path, line, record, task) for line, record in _read_records(path)]
    if not rows:
        raise FileFormatError(f"{path}:1: empty file, no labelled question in it")
    lines: dict[str, int] = {}
    for row in rows:
        if row.id in lines:
            raise FileFormatError(f"{path}:{row.line}: duplicate id {row.id!r}, first on line {lines[row.id]}")
        lines[row.id] = row.line
    items = []
    for _, group in groupby(rows, key=lambda row: (row.premise, row.task)):
        group = list(group)
        items += [_item(group[i : i + MOST_QUESTIONS]) for i in range(0, len(group), MOST_QUESTIONS)]
    return items


class _Row:
    """One record, checked."""

    def __init__(self, path: Path, line: int, record: object, task: str | None):
        self.line, where = line, f"{path}:{line}"
        if not isinstance(record, dict):
            raise FileFormatError(f"{where}: expected a JSON object, not {json.dumps(record)[:80]}")
        if {"prompt", "completion"} <= record.keys():
            self.premise, self.hypothesis = _split(str(record["prompt"]), where)
            label = str(record["completion"]).strip()
        elif missing := [key for key in ("premise", "hypothesis", "label") if key not in record]:
            expected = "expected premise, hypothesis, label or prompt, completion"
            raise FileFormatError(f"{where}: no key {missing[0]!r}; {expected}")
        else:
            self.premise, self.hypothesis = str(record["premise"]), str(record["hypothesis"])
            label = record["label"]
        if not isinstance(label, str) or label not in _LABELS:
            raise FileFormatError(f"{where}: label {label!r}; allowed: Yes, No")
        self.label = _LABELS[label]
        self.id = str(record.get("id", f"{path.stem}-{line:06d}"))
        self.strata = {key: record[key] for key in EXPORTED_STRATA if key in record}
        self.question = _parsed(parse_question, self.hypothesis)
        if self.question:
            self.task = self.question.task
        else:
            self.task = "dseparation" if "d-separated" in self.hypothesis else "transitivity"
        if task is not None and self.task != task:
            raise FileFormatError(f"{where}: a {self.task} question in a file read as {task}: {self.hypothesis!r}")


def _item(rows: list[_Row]) -> Item:
    questions = tuple(LabelledQuestion(row.id, row.hypothesis, row.label, row.question, row.strata) for row in rows)
    return Item(rows[0].id, rows[0].premise, questions, _parsed(parse_premise, rows[0].premise), rows[0].task)


def _parsed(parse, text: str):
    try:
        return parse(text)
    except ParseError:
        return None  # kept and counted: labels.check_labels lists the reason


def _read_records(path: Path) -> Iterator[tuple[int, object]]:
    """(line number, record); an entry of a dictionary counts as a line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        pairs = _load(text, path, 1)
        if not isinstance(pairs, dict):
            raise FileFormatError(f"{path}:1: expected one JSON dictionary of text: answer")
        for number, (prompt, completion) in enumerate(pairs.items(), start=1):
            yield number, {"prompt": prompt, "completion": completion}
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, _load(line, path, number)


def _load(text: str, path: Path, line: int):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise FileFormatError(f"{path}:{line}: not JSON: {error.msg} at character {error.pos}") from error


def _split(prompt: str, where: str) -> tuple[str, str]:
    """Premise and question of a prompt: the last question in it, and what stands before, after any `...:` heading."""
    questions = list(_QUESTION.finditer(prompt))
    if not questions:
        raise FileFormatError(f"{where}: no question 'Does A cause B?' or 'Are A and B d-separated?' in {prompt!r}")
    premise = prompt[: questions[-1].start()].rsplit(":", 1)[-1].strip()
    return premise if premise.endswith(".") else premise + ".", questions[-1].group()
