"""Read a results folder: the runs with their metrics, margins and logs.

Nothing is skipped in silence: a run that did not finish is listed under `unfinished`, a folder that cannot be read
gives one line under `problems`, and the rest is still reported.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from input_output.reading import FileFormatError
from records.provenance import same_questions
from records.run_folder import RunFolder, find_runs
from records.run_settings import RunSettings
from records.scored_suite import ScoredSuite
from reporting.groups import RUN, grouped, variant_rank
from reporting.run import ABLATION, Run
from reporting.run_files import (
    MEASURED,
    SCORED_AS,
    Evaluation,
    ResultsError,
    check_margins,
    read_evaluation,
    read_log,
    read_record,
    read_settings,
)
from scoring.blocks import SCORER_VERSION

WAY = ["weights", "verdict", "prompt", "without"]
SCORED = ["evaluation", "suite", *WAY, "step", "steps", "relative_size", "surviving_share"]


@dataclass
class Results:
    """All that the tables and figures are made of.

    `measured` has one row for every metrics row of every finished run: the keys of RUN, then own_task, grid, commit
    and seconds of the run, suite (name of the evaluation), the row's task, split, protocol and metrics; the bounds of
    `<metric>_interval` are `<metric>_low` and `<metric>_high`.

    Two parts only tables that say so may use: `underway` holds the unfinished runs that left a log or evaluations,
    and `scored` has one row for every metrics row of these runs and of the finished ones, however they were scored:
    merged weights, the text rule, another prompt. Its columns: RUN, own_task, grid, SCORED and the row's.
    """

    folder: Path
    runs: list[Run] = field(default_factory=list)
    measured: pd.DataFrame = field(default_factory=pd.DataFrame)
    unfinished: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    underway: list[Run] = field(default_factory=list)
    scored: pd.DataFrame = field(default_factory=pd.DataFrame)

    def part(self, ablation: bool) -> "Results":
        """Only the runs of the ablation grid, or all the others; problems are still noted in the same list."""
        runs, underway = ([run for run in part if run.ablation is ablation] for part in (self.runs, self.underway))
        measured, scored = (
            table[table["grid"].fillna("").astype(str).str.startswith(ABLATION) == ablation]
            for table in (self.measured, self.scored)
        )
        return replace(self, runs=runs, underway=underway, measured=measured, scored=scored)

    def paired_margins(self, run: Run, against: Run) -> pd.DataFrame | None:
        """Two runs' answers to the same corrected suite of their task, by id: block, headline, label, ours, theirs.

        None, and a problem noted, if one of them is not scored on it or they were asked different questions.
        """
        tables = []
        for one in (run, against):
            margins = one.own_margins()
            if margins is None:
                self.problems.append(f"{one.folder}: not compared with others: its corrected suite is not scored")
                return None
            tables.append(margins.set_index("id"))
        ours, theirs = tables
        pair = f"{run.folder}: not compared with {against.folder}"
        # As a Series, because an Index makes an object of every text to tell whether it is unique.
        if not (ours.index.equals(theirs.index) and ours.index.to_series().is_unique):
            shared = len(set(ours.index) & set(theirs.index))
            if not shared == len(ours) == len(theirs):
                self.problems.append(
                    f"{pair}: {len(ours)} and {len(theirs)} items of the corrected suite, of which {shared} are the same; "
                    "score both on the same suite"
                )
                return None
            theirs = theirs.reindex(ours.index)
        alike = same_questions(run.asked.get("corrected"), against.asked.get("corrected"), run.settings.task)
        if alike is False or (ours["label"] != theirs["label"]).any():
            self.problems.append(
                f"{pair}: the items of their corrected suites have the same names and are other questions"
            )
            return None
        return ours[["block", "headline", "label"]].assign(ours=ours["margin"], theirs=theirs["margin"])

    def groups(self) -> list[tuple[dict, list[Run]]]:
        """Runs that may be compared, in the order of VARIANTS; see `grouped`."""
        return grouped(self.runs)


def results_folder(folder: str | Path) -> Path:
    """`folder`, which must be there; ResultsError if it is not."""
    if not Path(folder).is_dir():
        raise ResultsError(f"results={folder}: no such folder; expected one that holds runs/")
    return Path(folder)


def load(folder: str | Path) -> Results:
    """Read every run below `folder`/runs; results/README.md says how they lie.

    Raises:
        ResultsError: `folder` is not a folder.
    """
    results = Results(results_folder(folder))
    folder = results.folder
    read = [found for path in find_runs(folder / "runs") if (found := _read_run(results, path))]
    read = list(zip(_with_settings_told_apart([run for run, _ in read]), [scored for _, scored in read], strict=True))
    read = _one_run_a_key(results, _with_scoring_told_apart(read))
    pooled, scored = [], []
    for run, evaluations in sorted(read, key=lambda one: _order(one[0])):
        (results.runs if run.finished else results.underway).append(run)
        about = run.key | {"own_task": run.settings.task, "grid": run.info.get("grid")}
        scored += [about | one.about | row for one in evaluations for row in one.rows]
        if run.finished:
            about |= {"commit": run.commit, "seconds": run.seconds}
            measured = [about | {"suite": one.name} | row for one in evaluations if one.plain for row in one.rows]
            pooled += with_pooled(measured)
            name = run.folder.relative_to(folder)
            if not measured:
                results.problems.append(f"{name}: finished, but not scored as an adapter by the larger logit")
            if run.info.get("diverged"):
                why = "training.divergence in run.json says how"
                results.problems.append(f"{name}: reported, but its training diverged ({why})")
    results.problems += _mixed_precisions(results.runs)
    # Without any run the tables still need the columns they select by.
    columns = None if pooled else [*RUN, "own_task", "grid", "commit", "seconds", "suite", *MEASURED]
    results.measured = pd.DataFrame(pooled, columns=columns)
    results.scored = pd.DataFrame(scored, columns=None if scored else [*RUN, "own_task", "grid", *SCORED, *MEASURED])
    return results


def _order(run: Run) -> tuple:
    return (*run.group.values(), variant_rank(run.settings.variant), run.setting, run.settings.seed)


def _with_settings_told_apart(runs: list[Run]) -> list[Run]:
    """The ablation's among themselves and the others among themselves: no table has both."""
    peers: dict[tuple, list[RunSettings]] = {}
    for run in runs:
        peers.setdefault((*run.group.values(), run.settings.variant, run.ablation), []).append(run.settings)
    return [
        replace(run, setting=run.settings.differences(peers[(*run.group.values(), run.settings.variant, run.ablation)]))
        for run in runs
    ]


def _with_scoring_told_apart(read: list[tuple[Run, list[Evaluation]]]) -> list[tuple[Run, list[Evaluation]]]:
    """Runs whose suites were scored by another scorer, or asked other questions than most runs of their model and scale,
    say so in their setting: they stand in rows of their own and are averaged and compared with no others."""
    asked: dict[tuple, Counter] = {}
    for run, evaluations in read:
        for one in (one for one in evaluations if one.plain):
            for part, fingerprint in one.fingerprints.items():
                asked.setdefault((run.settings.model, run.settings.scale, one.name, part), Counter())[fingerprint] += 1
    usual = {key: counter.most_common(1)[0][0] for key, counter in asked.items()}
    marked = []
    for run, evaluations in read:
        plain = [one for one in evaluations if one.plain]
        said = [f"scorer {one.scorer}" for one in plain if one.rows and one.scorer != SCORER_VERSION][:1]
        where = (run.settings.model, run.settings.scale)
        for one in plain:
            other = {part: of for part, of in one.fingerprints.items() if usual[(*where, one.name, part)] != of}
            if other:  # which: two runs may both have others, and not the same
                which = hashlib.sha256(repr(sorted(other.items())).encode()).hexdigest()[:4]
                said.append(f"other questions in {one.name} ({which})")
        marked.append((replace(run, setting=", ".join(filter(None, [run.setting, *said]))), evaluations))
    return marked


def _mixed_precisions(runs: list[Run]) -> list[str]:
    """A line for every setting whose seeds were loaded in different precisions: one experiment, so they are averaged."""
    precisions: dict[tuple, dict[str, list[str]]] = {}
    for run in runs:
        if precision := run.loaded.get("precision"):
            precisions.setdefault(run.shared_key, {}).setdefault(str(precision), []).append(run.key["seed"])
    return [
        f"{' '.join(str(part) for part in setting if part != '')}: averaged, though loaded in "
        + " and ".join(f"{precision} (seed {', '.join(seeds)})" for precision, seeds in found.items())
        for setting, found in precisions.items()
        if len(found) > 1
    ]


def scored_as_usual(scored: pd.DataFrame, but: str | None = None) -> pd.Series:
    """Of `Results.scored`, which rows were scored in no special way (WAY), or in none ``but`` one of these."""
    ways = [way for way in WAY if way != but]
    return (scored[ways] == pd.Series(SCORED_AS)[ways]).all(axis=1)


def _one_run_a_key(results: Results, read: list[tuple[Run, list[Evaluation]]]) -> list[tuple[Run, list[Evaluation]]]:
    """No two runs have one key of RUN, whatever grid they are of.

    A copy is left out, and a problem noted. A run of the ablation that would be called as one of other settings outside of
    it names what it has of its own, and its hash where that does not tell it from a third.
    """
    called: dict[tuple, RunSettings] = {}
    kept: dict[tuple, Run] = {}
    found = []
    for run, evaluations in sorted(read, key=lambda one: (one[0].ablation, not one[0].finished)):
        own = run.settings
        same = called.setdefault(run.shared_key, own)
        if same.hash != own.hash:
            run = _told_apart(run, own.differences([same, own]))
            if called.setdefault(run.shared_key, own).hash != own.hash:
                run = _told_apart(run, f"settings {own.hash}")
        first = kept.setdefault(tuple(run.key.values()), run)
        if first is run:
            found.append((run, evaluations))
        else:
            names = [one.folder.relative_to(results.folder) for one in (run, first)]
            results.problems.append(f"{names[0]}: left out: the same run as {names[1]}")
    return found


def _told_apart(run: Run, words: str) -> Run:
    return replace(run, setting=", ".join(dict.fromkeys(filter(None, (run.setting, words)))))


def _read_run(results: Results, path: Path) -> tuple[Run, list[Evaluation]] | None:
    """The run of a folder and how it was scored; None, and a line in `results`, if it cannot be read or has nothing yet."""
    folder = RunFolder(path)
    try:
        # train.py writes the record last.
        interrupted = not folder.record.is_file()
        info = {"status": "running or interrupted"} if interrupted else read_record(folder.record)
        finished = info["status"] == "finished"
        evaluated = folder.scored()
        if not finished:
            results.unfinished.append((str(path.relative_to(results.folder)), info["status"]))
            if not evaluated and not folder.training_log.is_file():
                return None
        settings = read_settings(folder.config)
        evaluations = [read_evaluation(one.metrics) for one in evaluated]
        asked = {one.name: one.fingerprints for one in evaluations}
        run = Run(path, settings, info, read_log(folder.training_log, complete=finished), asked=asked)
        for suite in evaluated:
            if suite.margins.is_file():
                check_margins(suite.margins)
        results.problems += ScoredSuite.without_metrics(folder.evaluations)
    except FileFormatError as error:
        results.problems.append(str(error))
        return None
    except OSError as error:  # of this folder alone, whatever its file server says
        results.problems.append(f"{path}: cannot be read: {error.strerror or error}")
        return None
    return run, evaluations


def with_pooled(rows: list[dict]) -> list[dict]:
    """A task with a single split is its own pool: evaluate.py writes the row once, the tables look for "pooled"."""
    parts: dict[tuple, list[dict]] = {}
    for row in rows:
        parts.setdefault((row["suite"], row["task"], row["protocol"]), []).append(row)
    return [
        row
        for part in parts.values()
        for row in (part if any(r["split"] == "pooled" for r in part) else [*part, part[0] | {"split": "pooled"}])
    ]
