"""Compute again, from what is stored, every number of a record that can be: a changed one is found.

    python evaluate.py verify=results/

Of every scored suite: the rows of metrics.json from the margins beside it and the questions, the fingerprint of these margins, and the
fingerprint of the questions, drawn again from the settings. Of every run, failed ones too: that run.json says what config.yaml
says, the fingerprint of the training questions, the steps and the divergence that follow from the training log, the SHA-256 of
the adapter where it is there, and that suites that were scored with the same weights name the same. What was measured while it ran
is listed. Only reads.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from causal_tasks.faults import Faults
from causal_tasks.items import Item
from input_output.errors import UserError
from input_output.reading import json_lines, read_json
from records.provenance import commit, fingerprint, margins_fingerprint
from records.run_folder import RunFolder, find_runs, identity
from records.scored_suite import ScoredSuite
from scoring.closure import Part
from scoring.recomputed import questions_again, rows_again
from scoring.rows import SCORER_VERSION, same_numbers
from training.divergence import RULE, divergence
from training.fine_tune import training_items

# Of a run's training: what the config says, by its key there.
SETTINGS = {"questions": "task.questions", "sampler": "data.sampler", "unlabelled_fraction": "data.unlabelled_fraction"}
MEASURED = (
    "loaded, seconds, peak_memory, commit, uncommitted_changes, versions, machine, command, finished; of its training the "
    "numbers of training_log.jsonl, seconds, turn_tokens; of its suites adapter (relative_size, surviving_share), loaded, "
    "seconds, provenance, weights_sha256 (held only against each other): measured while it ran, and nothing that is kept gives "
    "them"
)
OF_ANOTHER_KIND = (AttributeError, LookupError, TypeError, ValueError)  # what a value of another kind ends in


@dataclass
class Verified:
    """What was looked at: files and numbers by kind. differences: one line for each that is not what it should be.
    unverified: one line for each that cannot be computed again, and why."""

    runs: int = 0
    suites: int = 0
    numbers: int = 0
    fingerprints: int = 0
    differences: list[str] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)

    def fingerprint(self, where: str, recorded: str, found: str) -> None:
        self.fingerprints += 1
        if recorded != found:
            self.differences.append(f"{where}: {recorded} is recorded, {found} was found")

    def number(self, where: str, recorded, found, by: str) -> None:
        self.numbers += 1
        if recorded != found:
            self.differences.append(f"{where} is {recorded}; {by} says {found}")

    def __str__(self) -> str:
        head = f"{self.suites} scored suites of {self.runs} runs: {self.numbers} numbers and {self.fingerprints} fingerprints"
        lines = [f"not verified: {line}" for line in self.unverified] + self.differences
        return "\n".join([*lines, f"{head} computed again, {len(self.differences)} differ"])


def verify(folder: str | Path) -> Verified:
    """Look at every run and scored suite under ``folder``. Raises UserError if there is none."""
    found = Verified()
    for suite in ScoredSuite.below(folder):
        _one(found, suite.folder, _verify_suite)
    found.differences += ScoredSuite.without_metrics(folder)
    for run in find_runs(folder):
        _one(found, run, _verify_run)
    if not found.suites + found.runs + len(found.differences):
        raise UserError(f"verify={folder}: no run.json and no metrics.json there")
    return found


def _one(found: Verified, folder: Path, look) -> None:
    try:
        look(found, folder)
    except (UserError, OSError, pyarrow.ArrowInvalid, OmegaConfBaseException, *OF_ANOTHER_KIND) as error:
        found.differences.append(f"{folder}: cannot be computed again: {type(error).__name__}: {error}")


def _verify_suite(found: Verified, folder: Path) -> None:
    found.suites += 1
    scored = ScoredSuite(folder)
    report, table = read_json(scored.metrics), scored.read_margins()
    where = str(scored.metrics)
    if "margins_fingerprint" in report:
        found.fingerprint(str(scored.margins), report["margins_fingerprint"], margins_fingerprint(table))
    parts = questions_again(folder, report, table)
    if parts is None:
        found.unverified.append(f"{where}: data_fingerprint: the questions came from a file")
    asked = _verify_questions(found, scored, report, table, parts or {})
    if report.get("scorer") != SCORER_VERSION:
        line = f"{where}: of an older scorer; `python -m scoring.again` computes it anew"
        # No record has both that was not changed: whatever seals margins is of this scorer or was brought up to it.
        sealed = "margins_fingerprint" in report
        (found.differences if sealed else found.unverified).append(line)
    else:
        _verify_rows(found, scored, report, table, asked)


def _verify_questions(
    found: Verified, scored: ScoredSuite, report: dict, table: pd.DataFrame, parts: dict[Part, list[Item]]
) -> dict[Part, list[Item]]:
    """Hold the questions against those that were scored; return them, {} if one split has others."""
    elsewhere, asked = _made_elsewhere(report.get("provenance") or {}), {}
    for (task, split), items in parts.items():
        place = f"{task}/{split}"
        recorded, drawn = report["data_fingerprint"][place], fingerprint(items)
        part = table[(table["task"] == task) & (table["split"] == split)]
        questions = [(question.id, question.label) for item in items for question in item.questions]
        same = questions == list(zip(part["id"], part["label"].astype(bool), strict=True))
        if same:
            asked[task, split] = items
        elif elsewhere and recorded != drawn:
            found.unverified.append(f"{scored.metrics}: {place}: other questions than this version draws; {elsewhere}")
            continue
        found.fingerprint(f"{scored.metrics}: data_fingerprint {place}", recorded, drawn)
        if not same:
            found.differences.append(f"{scored.margins}: {place}: other ids or labels than the questions have")
    return asked if len(asked) == len(parts) else {}


def _made_elsewhere(provenance: dict) -> str:
    """Where the questions may have been drawn by another version of the generators: which; empty if by this one."""
    made, here = provenance.get("commit"), commit()
    return "" if made == here else f"it was made at commit {str(made)[:10]}, and that one can verify it"


def _verify_rows(
    found: Verified, scored: ScoredSuite, report: dict, table: pd.DataFrame, asked: dict[Part, list[Item]]
) -> None:
    where = scored.metrics
    again = {(row["task"], row["split"]): row for row in rows_again(scored, report, table, asked)}
    recorded = {(row["task"], row["split"]): row for row in report["rows"]}
    if again.keys() != recorded.keys():
        found.differences.append(f"{where}: rows for {sorted(recorded)}; the margins give {sorted(again)}")
    left = set()
    for place in again.keys() & recorded.keys():
        left |= recorded[place].keys() - again[place].keys()
        for key, value in again[place].items():
            if key not in recorded[place]:
                found.differences.append(f"{where}: {'/'.join(place)}: {key} is missing")
                continue
            found.numbers += 1
            if not same_numbers(recorded[place][key], value):
                found.differences.append(
                    f"{where}: {'/'.join(place)}: {key} is {recorded[place][key]}; the margins give {value}"
                )
    if left:
        found.unverified.append(f"{where}: {', '.join(sorted(left))}: not to be had from the margins and this record")


def _verify_run(found: Verified, folder: Path) -> None:
    run = RunFolder(folder)
    if not run.record.is_file():
        return
    record = read_json(run.record)
    found.runs += 1
    if record["status"] != "finished":
        found.unverified.append(f"{run.record}: {record['status']}, so without results: {record.get('reason')}")
        if not run.config.is_file():  # its model could not be loaded, say
            return
    config = run.trained_with()
    for key, value in identity(config).items():
        found.number(f"{run.record}: {key}", record.get(key), value, "config.yaml")
    training = record.get("training")
    if training:
        # keys that the first runs' configs did not have
        older = {"data": {"path": None}, "faults": asdict(Faults())}
        items: list[Item] = training_items(OmegaConf.merge(older, config))
        counted = {"samples": sum(len(item.questions) for item in items), "graphs": len(items)}
        same = all(training[name] == count for name, count in counted.items()) and math.isclose(
            training["yes_share"], sum(q.label for item in items for q in item.questions) / counted["samples"]
        )
        elsewhere = _made_elsewhere(record)
        if elsewhere and not same and training["data_fingerprint"] != fingerprint(items):
            found.unverified.append(f"{run.record}: training: other questions than this version draws; {elsewhere}")
        else:
            place = f"{run.record}: training.data_fingerprint"
            found.fingerprint(place, training["data_fingerprint"], fingerprint(items))
            if not same:
                found.differences.append(f"{run.record}: training: samples, graphs or yes_share are not {counted}")
        for name, key in SETTINGS.items():
            found.number(f"{run.record}: training.{name}", training[name], OmegaConf.select(config, key), "config.yaml")
        _verify_log(found, run, record)
    if record["status"] == "finished":
        found.unverified.append(f"{run.record}: {MEASURED}")
    for problem in _adapter(run, training or {}):
        found.differences.append(problem)
    _verify_weights(found, run, record)


def _verify_log(found: Verified, run: RunFolder, record: dict) -> None:
    """Hold what follows from the training log against the record; records from before the rule do not say whether it diverged."""
    training, where = record["training"], run.record
    if not run.training_log.is_file():
        found.unverified.append(f"{where}: diverged, training.steps: no {run.training_log.name} beside it")
        return
    history = [entry for _, entry in json_lines(run.training_log)]
    ended = divergence(history)
    found.number(f"{where}: training.steps", training["steps"], history[-1]["step"], run.training_log.name)
    if "diverged" in training or "diverged" in record:
        for name, recorded in (("diverged", record), ("training.diverged", training)):
            found.number(f"{where}: {name}", recorded.get("diverged"), ended["diverged"], run.training_log.name)
        said = str(training.get("divergence")).removesuffix(f" ({RULE})")
        values = ended["divergence"].removesuffix(f" ({RULE})")
        found.number(f"{where}: training.divergence", said, values, run.training_log.name)


def _verify_weights(found: Verified, run: RunFolder, record: dict) -> None:
    """Hold the weights that suites were scored with against each other, where they must be the same."""
    first: dict[tuple, tuple[str, Path]] = {}
    for suite in run.scored():
        report = read_json(suite.metrics)
        if "weights_sha256" not in report:  # of before it was kept
            continue
        loaded = report.get("loaded") or record.get("loaded") or {}
        way = report.get("weights"), report.get("step"), loaded.get("precision")
        expected, other = first.setdefault(way, (report["weights_sha256"], suite.metrics))
        if other != suite.metrics:
            place = f"{suite.metrics}: weights_sha256, of the same weights as in {other}"
            found.fingerprint(place, report["weights_sha256"], expected)


def _adapter(run: RunFolder, training: dict) -> Iterator[str]:
    """Where the adapter is there: whether it is the one that was trained."""
    try:
        facts = run.trained()
    except UserError as error:
        yield str(error)
        return
    if facts and facts.get("adapter_sha256") != training.get("adapter_sha256"):
        yield f"{run.adapter}: another training's adapter than the one that {run.record} names"
