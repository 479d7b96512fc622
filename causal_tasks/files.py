"""Items in and out of files.

Written: JSON lines `{"id", "premise", "hypothesis", "label": "Yes"|"No"}`, with `pair` and `family` where an item has
them. Read: the same (id optional; `split` and `strata`, an object of texts and whole numbers, where the file has them), `{"prompt", "completion"}` lines, and the JSON dictionaries `{text: answer}` of the
axiomatic-training authors (arXiv:2407.07612), whose text is the premise followed by the question.
"""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from causal_tasks.headline import SUMMARIES
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.questions import TASKS, ParseError, parse_premise, parse_question
from input_output.reading import FileFormatError, json_lines, kind, read_json, shortened

EXPORTED_STRATA = ("pair", "family")
# Some external files ask hundreds of questions about one premise; an item is scored in one pass and must stay small.
MOST_QUESTIONS = 16

_encode = json.JSONEncoder(ensure_ascii=False).encode
_LABELS = {"Yes": True, "No": False}
# The question that ends a prompt, perhaps before an instruction; what stands before it is the premise.
_QUESTION = re.compile(r"(Does \S+ cause \S+\?|Are \S+ and \S+ d-separated(?: given \{[^{}]*\})?\?)")
# What conditions, or names the nodes conditioned on, in words that no question has.
_CONDITIONED = re.compile(r"\bcondition(?:ed|ing)? on\b", re.IGNORECASE)
# Some sentence of a premise.
_STATED = re.compile(r"\S causes \S|\S share a hidden cause")


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


def read_parts(path: str | Path) -> dict[tuple[str, str], list[Item]]:
    """Items by (task, split): the task of the question, and the `split` of its line or, without one, the file's name.

    Raises:
        FileFormatError: as `read_jsonl`; a split with the name of a row over several splits.
    """
    parts: dict[tuple[str, str], list[Item]] = {}
    for split, item in _read(Path(path), None):
        if split in SUMMARIES:
            raise FileFormatError(f"{path}: split {split!r}: the name of a row over several splits; choose another")
        parts.setdefault((item.task, split), []).append(item)
    return parts


def read_jsonl(path: str | Path, task: str | None = None) -> list[Item]:
    """Read labelled questions; consecutive lines with one premise become one item of up to MOST_QUESTIONS questions.

    Labels are taken as they stand (see labels.check_labels). A premise or hypothesis that is not in the wording of
    causal_tasks.questions is kept, with graph or question None, since the released `shuffled` suite has no other.

    Args:
        path: JSON lines, or one JSON dictionary if the name ends in `.json`.
        task: read only files of this task; None lets every line tell its own from its question.

    Raises:
        FileFormatError: a file that cannot be read or is not UTF-8, a line that is not JSON, a missing key, a value of
            another kind (nothing is made a text that was none), a prompt without a premise of its own, a label other
            than Yes and No, a duplicate id, a pair that is not one Yes and one No, an empty file, or a question of another
            task.
    """
    if task is not None and task not in TASKS:
        raise ValueError(f"unknown task {task!r}; allowed: {', '.join(TASKS)}")
    return [item for _, item in _read(Path(path), task)]


def _read(path: Path, task: str | None) -> list[tuple[str, Item]]:
    """(split, item) in the order of the file."""
    rows = [_Row(path, line, record, task) for line, record in _read_records(path)]
    if not rows:
        raise FileFormatError(f"{path}:1: empty file, no labelled question in it")
    lines: dict[str, int] = {}
    for row in rows:
        if row.id in lines:
            raise FileFormatError(f"{path}:{row.line}: duplicate id {row.id!r}, first on line {lines[row.id]}")
        lines[row.id] = row.line
    _check_pairs(path, rows)
    items = []
    for (_, _, split), group in groupby(rows, key=lambda row: (row.premise, row.task, row.split)):
        group = list(group)
        items += [(split, _item(group[i : i + MOST_QUESTIONS])) for i in range(0, len(group), MOST_QUESTIONS)]
    return items


def _check_pairs(path: Path, rows: list["_Row"]) -> None:
    pairs: dict[tuple, list[_Row]] = {}
    for row in rows:
        if "pair" in row.strata:
            pairs.setdefault((row.task, row.split, row.strata["pair"]), []).append(row)
    for (_, _, name), two in pairs.items():
        if sorted(row.label for row in two) != [False, True]:
            answers = ", ".join("Yes" if row.label else "No" for row in two)
            raise FileFormatError(
                f"{path}:{two[0].line}: pair {shortened(name)}: expected one Yes and one No question of one task and split, "
                f"not {answers}"
            )


class _Row:
    """One record, checked."""

    def __init__(self, path: Path, line: int, record: object, task: str | None):
        self.line, where = line, f"{path}:{line}"
        if not isinstance(record, dict):
            raise FileFormatError(f"{where}: expected a JSON object, not {kind(record)}")
        if {"prompt", "completion"} <= record.keys():
            if also := [key for key in ("premise", "hypothesis", "label") if key in record]:
                raise FileFormatError(
                    f"{where}: prompt, completion and {also[0]}: a question in two forms; give one of them"
                )
            self.premise, self.hypothesis = _split(_text(record, "prompt", where), where)
            label = _text(record, "completion", where).strip()
        elif missing := [key for key in ("premise", "hypothesis", "label") if key not in record]:
            expected = "expected premise, hypothesis, label or prompt, completion"
            raise FileFormatError(f"{where}: no key {missing[0]!r}; {expected}")
        else:
            self.premise, self.hypothesis = (_text(record, key, where) for key in ("premise", "hypothesis"))
            label = record["label"]
        if not isinstance(label, str) or label not in _LABELS:
            raise FileFormatError(f"{where}: label {shortened(label)}; allowed: Yes, No")
        self.label = _LABELS[label]
        numbered = type(record.get("id")) is int  # an id may be a number; it is kept as text
        self.id = str(record["id"]) if numbered else f"{path.stem}-{line:06d}"
        if "id" in record and not numbered:
            self.id = _text(record, "id", where)
        self.split = _text(record, "split", where) if "split" in record else path.name.removesuffix(path.suffix)
        if "split" in record and not re.fullmatch(r"\w[\w+-]*", self.split):
            raise FileFormatError(f"{where}: split {shortened(self.split)}: must be letters, digits and _+- only")
        self.strata = _strata(record, where) | {
            key: _text(record, key, where) for key in EXPORTED_STRATA if key in record
        }
        self.question = _parsed(parse_question, self.hypothesis)
        if self.question:
            self.task = self.question.task
        else:
            self.task = "dseparation" if "d-separated" in self.hypothesis else "transitivity"
        if task is not None and self.task != task:
            asked = shortened(self.hypothesis)
            raise FileFormatError(f"{where}: a {self.task} question in a file read as {task}: {asked}")


def _text(record: dict, key: str, where: str) -> str:
    value = record[key]
    if not isinstance(value, str):
        raise FileFormatError(f"{where}: {key} is {kind(value)}; expected a text")
    if not value.strip():
        raise FileFormatError(f"{where}: {key} is empty")
    return value


def _strata(record: dict, where: str) -> dict[str, int | str]:
    strata = record.get("strata", {})
    if not isinstance(strata, dict):
        raise FileFormatError(f"{where}: strata is {kind(strata)}; expected an object")
    for name, value in strata.items():
        if not (isinstance(value, str) or type(value) is int):
            raise FileFormatError(f"{where}: strata.{name} is {kind(value)}; expected a text or a whole number")
    return strata


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
    if path.suffix != ".json":
        yield from json_lines(path)
        return
    pairs = read_json(path)
    if not isinstance(pairs, dict):
        raise FileFormatError(f"{path}:1: expected one JSON dictionary of text: answer, not {kind(pairs)}")
    for number, (prompt, completion) in enumerate(pairs.items(), start=1):
        yield number, {"prompt": prompt, "completion": completion}


def _split(prompt: str, where: str) -> tuple[str, str]:
    """Premise and question of a prompt: its question, and what stands before, without headings (`Premise:`,
    `Question:`) and what is before them.

    A prompt that asks twice, states something anywhere else than in the premise, or conditions anywhere else than in the question,
    is refused: a part of what is asked about would be lost.
    """
    questions = list(_QUESTION.finditer(prompt))
    if not questions:
        expected = "'Does A cause B?' or 'Are A and B d-separated?'"
        raise FileFormatError(f"{where}: no question {expected} in {shortened(prompt)}")
    if len(questions) > 1:
        raise FileFormatError(f"{where}: {len(questions)} questions in one prompt; expected one: {shortened(prompt)}")
    (asked,) = questions
    before, heading = prompt[: asked.start()].rstrip(), ""
    if before.endswith(":"):  # a heading of the question
        heading = before[max(before.rfind(end, 0, -1) for end in ".:\n") + 1 :]
        before = before.removesuffix(heading).rstrip(":")
    introduction, _, premise = before.rpartition(":")
    premise = premise.strip()
    if not _STATED.search(premise):
        raise FileFormatError(f"{where}: no premise 'A causes B.' before the question in {shortened(prompt)}")
    outside = (introduction, heading, prompt[asked.end() :])
    if any(map(_STATED.search, outside)):
        raise FileFormatError(f"{where}: sentences outside the premise {shortened(premise)}; give it in one piece")
    if any(map(_CONDITIONED.search, (*outside, premise))) or "{" in premise + heading:
        raise FileFormatError(
            f"{where}: a conditioning set outside the question; ask 'Are A and C d-separated given {{B}}?'"
        )
    return premise if premise.endswith(".") else premise + ".", asked.group()
