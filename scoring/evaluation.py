"""Score a suite and write its margins and metrics."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from causal_tasks import suites
from causal_tasks.evaluation_graphs import own_graphs
from causal_tasks.faults import Faults
from causal_tasks.files import FileFormatError, read_parts
from causal_tasks.headline import HEADLINE, POOLED
from causal_tasks.items import Item
from causal_tasks.labels import check_labels
from causal_tasks.spec import Spec
from input_output.errors import UserError
from input_output.reading import read_object
from input_output.writing import write_json, write_parquet
from models.answerer import Answerer
from records.provenance import fingerprints, margins_fingerprint, provenance, same_questions
from records.scored_suite import ScoredSuite
from scoring.blocks import blocks
from scoring.closure import Part, add_closures
from scoring.collapse import is_collapsed
from scoring.rows import SCORER_VERSION, metrics_rows
from scoring.scorer import score
from scoring.text_rule import score_by_text
from scoring.unfinished import Unfinished
from scoring.ways import Way
from scoring.yardsticks import COLUMN, YARDSTICK_QUESTIONS, yardstick_scores

log = logging.getLogger(__name__)

SCORERS = {"logits": score, "text": score_by_text}

# More questions of a split than this are not needed to see whether it can be built.
FEW = 64


class SuiteError(UserError, ValueError):
    """A suite config that cannot be built; one line that names the suite and the reason."""


class NotFinite(UserError, ValueError):
    """A model whose logits are no numbers: it answers nothing."""


def check_suite(suite) -> None:
    """Raise what `build_suite` would raise, at the cost of a few questions of each generated split."""
    if "path" in suite:
        build_suite(suite)
        return
    few = min(suite.samples, FEW + suite.samples % 2)
    build_suite(OmegaConf.merge(suite, {"samples": few}))


def build_suite(suite) -> dict[Part, list[Item]]:
    """Items of a suite config by (task, split).

    A suite with a ``path`` is read from that file, or from all .jsonl and .json files of that folder: see
    `causal_tasks.files.read_parts`. A split that ``graphs`` describes is one of its own.

    Raises:
        SuiteError: a file that cannot be read, an unknown split or protocol, or a number of questions that the split
            cannot have.
    """
    if "path" in suite:
        path = Path(suite.path)
        files = sorted(f for f in path.iterdir() if f.suffix in (".jsonl", ".json")) if path.is_dir() else [path]
        if not files or not path.exists():
            raise SuiteError(f"suite.path={path}: no such file, or a folder without .jsonl and .json files")
        return _read_files(files)
    return {(task, split): _build_part(suite, task, split) for task, splits in suite.splits.items() for split in splits}


def _read_files(files: Sequence[Path]) -> dict[Part, list[Item]]:
    parts: dict[Part, list[Item]] = {}
    told: dict[tuple, Path] = {}  # an id is that of one question in its split
    for file in files:
        try:
            found = read_parts(file)
        except FileFormatError as error:
            raise SuiteError(str(error)) from error
        for part, items in found.items():
            for question in (question for item in items for question in item.questions):
                if (earlier := told.setdefault((part, question.id), file)) != file:
                    raise SuiteError(f"{file}: id {question.id!r} of split {part[1]!r} is also in {earlier}")
            parts.setdefault(part, []).extend(items)
    return parts


def _build_part(suite, task: str, split: str) -> list[Item]:
    own = (suite.get("graphs") or {}).get(split)
    try:
        spec = Spec(
            task,
            suite.protocol,
            split,
            suite.samples,
            suite.seed,
            suite.questions_per_graph,
            faults=Faults(**suite.faults) if suite.get("faults") else None,
            questions=suite.get("questions", "sampled"),
            graphs=own_graphs(split, own) if own else None,
        )
        return list(suites.items(spec))
    except ValueError as error:
        raise SuiteError(f"suite {suite.name}, {task}/{split}, samples={suite.samples}: {error}") from error


def margins_table(items: Sequence[Item], margins, task: str, protocol: str, split: str) -> pd.DataFrame:
    """One row a question: id, graph, block, task, protocol, split, label, margin, and its strata.

    `graph`: all questions with one premise, which a file may spread over several items, or both of a minimal pair. Files may
    number their lines alike: there the split stands before it.
    `block`: the unit that intervals resample (scoring/blocks.py).
    """
    rows, first = [], {}
    place = f"{split}/" if protocol == "file" else ""
    for item in items:
        graph = first.setdefault(item.premise, item.id)
        for question in item.questions:
            strata = {f"stratum/{name}": value for name, value in question.strata.items()}
            rows.append(
                {
                    "id": question.id,
                    "graph": place + str(question.strata.get("pair", graph)),
                    "task": task,
                    "protocol": protocol,
                    "split": split,
                }
                | {"label": question.label}
                | strata
            )
    table = pd.DataFrame(rows)
    table.insert(6, "margin", margins)
    table.insert(2, "block", place + blocks(table).str.removeprefix(place))
    return table


def evaluate_suite(
    answerer: Answerer,
    suite,
    parts: dict[Part, list[Item]],
    folder: Path,
    settings,
    thresholds: dict[str, float] | None = None,
    described: dict | None = None,
    way: Way = Way(),
) -> dict:
    """Score every part of a suite; write ``margins.parquet`` and ``metrics.json`` into ``folder``.

    Interrupted, it goes on after the last part that was done (scoring/unfinished.py). Raises NotFinite where a margin is none.

    parts: the suite's items, as `build_suite` gives them.
    settings: the ``evaluation`` config node (token_budget, resamples, yardstick_questions and, where there is one, prior).
    thresholds: task → margin threshold tuned on validation, for the calibrated metrics.
    described: what was scored (run, model), recorded with the metrics.
    way: in which the answerer was loaded (weights, prompt) and is to be judged (verdict).
    Returns the content of metrics.json.
    """
    started = time.monotonic()
    thresholds = thresholds or {}
    protocol = suite.get("protocol", "file")
    asked = fingerprints(parts)
    unfinished = Unfinished(folder, answerer, way, asked)
    tables = []
    for (task, split), items in parts.items():
        margins = unfinished.margins(task, split)
        if margins is None:
            score, begun = SCORERS[way.verdict], time.monotonic()
            margins = score(answerer, items, settings.token_budget, description=f"{suite.name} {task}/{split}")
            if broken := int(np.count_nonzero(~np.isfinite(margins))):
                raise NotFinite(
                    f"{task}/{split}: {broken} of {len(margins)} margins are not finite (a diverged adapter?)"
                )
            unfinished.keep(task, split, margins, time.monotonic() - begun)
        scored = margins_table(items, margins, task, protocol, split)
        if protocol != "released":  # whose labels are not balanced: a yardstick of counts would say nothing there
            yardsticks = yardstick_scores(items, task, settings.get("yardstick_questions", YARDSTICK_QUESTIONS))
            scored = scored.assign(**{f"{COLUMN}{name}": scores for name, scores in yardsticks.items()})
        tables.append(scored)
    table = pd.concat(tables, ignore_index=True)
    # String columns with gaps must not mix types on their way to parquet.
    for column in table.columns[table.columns.str.startswith("stratum/")]:
        if table[column].dtype == object:
            table[column] = table[column].astype("string")
    rows = metrics_rows(table, thresholds, settings.resamples, settings.get("prior"))
    add_closures(rows, table, parts, settings.resamples)
    report = {
        "suite": suite.name,
        **vars(way),
        "scorer": SCORER_VERSION,
        "rows": rows,
        "weights_sha256": unfinished.of["weights"],
        "data_fingerprint": asked,
        "margins_fingerprint": margins_fingerprint(table),
        "resamples": settings.resamples,
        "prior": settings.get("prior"),
        "seconds": round(unfinished.seconds + time.monotonic() - started, 1),
        **({"label_check": _label_check(parts)} if "path" in suite else {}),
        **(described or {}),
        "provenance": provenance(),
    }
    written = ScoredSuite(folder)
    write_parquet(written.margins, table)
    write_json(written.metrics, report)
    unfinished.clear()
    return report


def _label_check(parts: dict[Part, list[Item]]) -> dict[str, dict]:
    """Labels from outside held against the oracle: counted, and every disagreement listed; none is dropped."""
    found = {}
    for (task, split), items in parts.items():
        report = check_labels(items)
        found[f"{task}/{split}"] = {
            "questions": report.questions,
            "agreeing": report.agreeing,
            "disagreeing": [
                {"id": i, "label": label, "entailed": entailed} for i, label, entailed in report.disagreeing
            ],
            "unanswerable": [{"id": i, "reason": reason} for i, reason in report.unanswerable],
        }
    return found


def headline(report: dict, task: str) -> dict:
    """What a corrected suite says of a run of ``task``: its measures on the headline, and whether it collapsed over all
    suites; {} of other suites."""
    rows = {row["split"]: row for row in report["rows"] if row["task"] == task}
    if report["suite"] != "corrected" or not {HEADLINE, POOLED} <= rows.keys():
        return {}
    measures = ("accuracy", "balanced_accuracy", "mcc", "auroc", "yes_rate")
    return {name: rows[HEADLINE][name] for name in measures} | {"collapsed": is_collapsed(rows[POOLED])}


def refuse_to_replace(folder: Path, parts: dict[Part, list[Item]], answerer: Answerer, way: Way) -> None:
    """Raise SuiteError if ``folder`` holds the scores of other items, of other weights or in another way than these."""
    path = ScoredSuite(folder).metrics
    if not path.is_file():
        return
    recorded = read_object(path, "data_fingerprint")
    same = {
        "of other questions": same_questions(recorded["data_fingerprint"], fingerprints(parts)),
        "of other weights or precision": _may_be_of(recorded, answerer),
        "made in another way": all(recorded.get(name, own) == own for name, own in vars(way).items()),
    }
    if other := [what for what, holds in same.items() if not holds]:
        raise SuiteError(f"out={folder}: holds scores {other[0]}; choose another out=, or overwrite=true")


def already_scored(folder: Path, parts: dict[Part, list[Item]], answerer: Answerer) -> bool:
    """Whether ``folder`` holds the scores of these very items and weights by this very scorer."""
    suite = ScoredSuite(folder)
    if not suite.whole:
        return False
    recorded = read_object(suite.metrics, "data_fingerprint")
    same = same_questions(recorded["data_fingerprint"], fingerprints(parts))
    return bool(same) and recorded.get("scorer") == SCORER_VERSION and _may_be_of(recorded, answerer)


def _may_be_of(recorded: dict, answerer: Answerer) -> bool:
    """Whether the scores are of the answerer's weights, or from before metrics.json said of which they are."""
    return "weights_sha256" not in recorded or recorded["weights_sha256"] == answerer.fingerprint()


def summary_lines(report: dict) -> list[str]:
    """One line a row, for people: accuracy beside balanced accuracy, MCC, AUROC and both Yes-rates."""

    def show(value):
        return "–" if value is None else f"{value:.3f}"

    width = max(len(f"{row['task']}/{row['split']}") for row in report["rows"])
    columns = ("accuracy", "balanced", "MCC", "AUROC", "says Yes", "label Yes")
    lines = [f"{report['suite']:<{width}} {'n':>6} " + " ".join(f"{column:>10}" for column in columns)]
    for row in report["rows"]:
        values = [row[k] for k in ("accuracy", "balanced_accuracy", "mcc", "auroc", "yes_rate", "label_yes_rate")]
        name = f"{row['task']}/{row['split']}"
        lines.append(f"{name:<{width}} {row['n']:>6} " + " ".join(f"{show(value):>10}" for value in values))
        if "logit_adjusted_accuracy" in row:
            adjusted = (show(row[f"logit_adjusted_{k}"]) for k in ("accuracy", "balanced_accuracy"))
            lines.append(f"{'  logit-adjusted':<{width}} {'':>6} " + " ".join(f"{value:>10}" for value in adjusted))
        if "shd_share" in row:
            lines.append(
                f"{'':<{width}} closure SHD {show(row['shd_share'])} of all pairs (always No {show(row['shd_share_always_no'])}), "
                f"ancestor adjustment distance {show(row['ancestor_adjustment_distance'])}, cyclic {show(row['cyclic'])}"
            )
    for place, check in report.get("label_check", {}).items():
        wrong, unread = len(check["disagreeing"]), len(check["unanswerable"])
        lines.append(
            f"{place}: {check['agreeing']} of {check['questions']} labels are what the graph entails, {wrong} are not, "
            f"{unread} texts cannot be answered (listed in metrics.json)"
        )
    return lines
