"""Each fault of the release switched alone, everything else equal: what a measure is with it and without it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from records.provenance import same_questions
from records.run_settings import RunSettings
from reporting.adapter_growth import differing_verdicts, means_on_shared_questions
from reporting.collapse_tables import judged_rows
from reporting.groups import RUN
from reporting.paired_table import balanced_difference, both_labels
from reporting.published import mean_of_suites, on_released_suites
from reporting.results import WAY, Results, scored_as_usual
from reporting.run import Run
from reporting.run_files import SCORED_AS
from reporting.table import Table

# Data fault → its number in the audit.
AUDIT_OF = {"unblocked_reversed_chain": "A4", "lost_separators": "A5", "repeated_names": "A6", "ordered_queries": "A6"}
NOTE = (
    "Pairs of measurements that differ in one fault of the release (docs/release.md) and nothing else: two trainings of one seed, or one adapter scored in two ways. *released*: mean accuracy over the five released suites; "
    "*balanced*: balanced accuracy on the headline of the own task, corrected suites; *balanced difference*: without the fault less "
    "with it, two trainings on the same questions, 95 % interval over blocks of them; *constant*: whether one answer made up "
    "at least 99 % there. *flips*: share of the verdicts on the same *n* released questions that differ; a question that a fault of the "
    "suites changes is compared with itself without that fault. *flips of seeds*: the same of the run that has all faults and its repetitions with other seeds, mean over these. *questions changed*, *labels changed*: of these *n*, where the fault "
    "is one of the suites; a fault that changes none was *not exercised*, and its row says nothing of it. One row is one seed: an anecdote. "
    "*also differs*: what two trainings do not share besides, the code (its commit) or the processor; rounding and the draws of dropout "
    "depend on them. What that alone moves shows where the label takes the place of the entailed answer (A2), for these two losses are equal."
)
NO_FAULT, NOT_EXERCISED = " (no fault)", " (not exercised)"
CHANGED = ("questions_changed", "labels_changed")
FINDINGS = [f"A{number}" for number in range(1, 15)]  # docs/release.md
MEASURES = ("released", "balanced", "constant")


@dataclass(frozen=True)
class Switch:
    """A fault of training. off: the settings of a run that has the fault → those of the same run without it, None if it
    does not have it."""

    audit: str
    without: str
    off: Callable[[RunSettings], RunSettings | None]


def _loss(key: str, value, old: object = "any") -> Callable[[RunSettings], RunSettings | None]:
    """A change of one setting of the released semantic loss, if it is ``old`` now."""

    def off(settings: RunSettings) -> RunSettings | None:
        loss = settings.loss
        released = loss is not None and loss.name == "Semantic" and loss.get("base") == "released"
        if not released or loss.get(key) == value or old not in ("any", loss.get(key)):
            return None
        return replace(settings, loss=loss.but(**{key: value}))

    return off


def _data(fault: str) -> Callable[[RunSettings], RunSettings | None]:
    def off(settings: RunSettings) -> RunSettings | None:
        if settings.protocol != "released" or (fault, False) in settings.faults:
            return None
        return replace(settings, faults=tuple(sorted((*settings.faults, (fault, False)), key=str)))

    return off


def _prompt(settings: RunSettings) -> RunSettings | None:
    return None if settings.prompt == "benchmark" else replace(settings, prompt="benchmark")


SWITCHES = (
    Switch("A1", "cross-entropy shifted", _loss("base", "turn")),
    Switch("A1", "no cross-entropy: λ · answer cross-entropy", _loss("base", "none")),
    Switch("A2", "label in place of the entailed answer", _loss("term", "label", None)),
    Switch("A2", "semantic term asks the correct oracle", _data("oracle_of_the_labels")),
    Switch("A3", "no class-weighted answer term", _loss("class_weights", None)),
    *(Switch(audit, f"trained without {name.replace('_', ' ')}", _data(name)) for name, audit in AUDIT_OF.items()),
    Switch("A12", "trained with the benchmark's prompt", _prompt),
)
# Way of scoring that has a fault → its number, what is left without it.
SCORING = {
    ("weights", "merged_4bit"): ("A10", "adapter, not merged into 4 bit"),
    ("weights", "merged_16bit"): ("A10", f"adapter, not merged into 16 bit{NO_FAULT}"),
    ("weights", "empty"): ("A13", "the trained adapter, not an empty one"),
    ("verdict", "text"): ("A11", "logits, not the text rule"),
    ("prompt", "dseparation_released"): ("A12", "asked with the prompt of training"),
}


def faults_table(results: Results) -> Table:
    """One row a fault and pair of measurements; unfinished runs as far as they are scored."""
    rows = [*_trainings(results), *_scorings(results)]
    columns = ["audit", "without", "variant", "setting", "against"]
    columns += [f"{m}_{side}" for m in MEASURES for side in ("with", "without")]
    columns += [f"balanced_difference{end}" for end in ("", "_low", "_high")]
    columns += ["flips", "n", "flips_of_seeds", *CHANGED, "also_differs", "step"]
    columns += [name for name in RUN if name not in ("variant", "setting")]
    frame = pd.DataFrame(rows).reindex(columns=columns)
    order = frame["audit"].str[1:].astype(int) if len(frame) else frame["audit"]
    frame = frame.iloc[order.argsort(kind="stable")].reset_index(drop=True)
    percent = ("flips", "flips_of_seeds", *(f"{m}_{side}" for m in MEASURES[:2] for side in ("with", "without")))
    title = "Each fault switched alone: what moves"
    return Table("faults", title, NOTE, frame, percent=percent, points=("balanced_difference",), hidden=("against",))


def not_switched(frame: pd.DataFrame) -> str:
    """What the rows say of fewer than two variants, or of none, in a line."""
    switches = {*AUDIT_OF.values(), *(audit for audit, _ in SCORING.values()), *(switch.audit for switch in SWITCHES)}
    exercised = frame[~frame["without"].str.endswith((NO_FAULT, NOT_EXERCISED))].groupby("audit")["variant"].nunique()
    said = {
        "Not measured yet": switches.difference(frame["audit"]),
        "Measured where nothing exercises it": {*frame["audit"]}.difference(exercised.index),
        "Measured on one variant only": exercised.index[exercised == 1],
        "Findings about published numbers, with nothing to switch": {*FINDINGS} - switches,
    }
    lists = {name: [audit for audit in FINDINGS if audit in found] for name, found in said.items()}
    return ". ".join(f"{name}: {', '.join(found)}" for name, found in lists.items() if found) + "."


def _trainings(results: Results) -> list[dict]:
    """Pairs of runs whose settings differ in one fault."""
    judged = judged_rows(results.measured)
    judged = judged[judged["task"] == judged["own_task"]]
    judged = judged.set_index(RUN)[["balanced_accuracy", "collapsed"]]
    means = mean_of_suites(on_released_suites(results.measured), RUN)
    by_settings = {_comparable(run.settings): run for run in results.runs}
    rows = []
    for run in results.runs:
        wanted = [(switch, switch.off(run.settings)) for switch in SWITCHES]
        pairs = [(switch, by_settings.get(_comparable(settings))) for switch, settings in wanted if settings]
        pairs = [(switch, other) for switch, other in pairs if other]
        of_seeds = _flips_of_seeds(run, results.runs) if pairs else None
        for switch, other in pairs:
            row = run.key | {"audit": switch.audit, "without": switch.without, "against": other.name}
            for side, one in (("with", run), ("without", other)):
                key = tuple(one.key.values())
                row[f"released_{side}"] = means.get(key)
                if key in judged.index:
                    row[f"balanced_{side}"], row[f"constant_{side}"] = judged.loc[key]
            answers = results.paired_margins(other, run)
            if answers is not None and both_labels(answers):
                found = balanced_difference(answers)
                row |= {name.replace("_accuracy", ""): value for name, value in found.items()}
            row["also_differs"] = _also_differs(run, other)
            alike = same_questions(run.asked.get("published"), other.asked.get("published"))
            flips = {} if alike is False else _flips((run, "published"), (other, "published"))
            rows.append(row | flips | {"flips_of_seeds": of_seeds})
    return rows


def _flips_of_seeds(run: Run, runs: list[Run]) -> float | None:
    """Share of the released verdicts that differ between a run and its repetitions with other seeds, mean over these; None
    if none of them answered a question of its own."""
    others = [other for other in runs if other.shared_key == run.shared_key and other is not run]
    found = [_flips((run, "published"), (other, "published")).get("flips") for other in others]
    shares = [share for share in found if share is not None]
    return sum(shares) / len(shares) if shares else None


def _comparable(settings: RunSettings) -> RunSettings:
    """Without what the run is called: one without A3 has a name of its own."""
    return replace(settings, hash="", variant="")


def _also_differs(one: Run, other: Run) -> str:
    """What else tells two trainings apart, "" if nothing does: a run made before it was recorded counts as different."""
    known = {"code": lambda run: run.commit, "processor": lambda run: run.processor}
    return ", ".join(name for name, of in known.items() if of(one) is None or of(one) != of(other))


def _scorings(results: Results) -> list[dict]:
    """Pairs of evaluations of one run at one step, of which one has a fault of scoring or of the suites' data."""
    scored = results.scored[results.scored["suite"] == "published"]
    usual = pd.Series(SCORED_AS)[WAY]
    by_key = {tuple(run.key.values()): run for run in results.runs + results.underway}
    rows = []
    for (*key, _), own in scored.assign(step=scored["step"].fillna(-1)).groupby([*RUN, "step"], sort=False):
        if own["evaluation"].nunique() < 2:
            continue
        run = by_key[tuple(key)]
        means = mean_of_suites(on_released_suites(own), "evaluation").dropna()
        ways = own.drop_duplicates("evaluation").set_index("evaluation")[[*WAY, "step"]].loc[means.index]
        plain = ways.index[scored_as_usual(ways)]
        for evaluation, way in ways.iterrows():
            unusual = [name for name in WAY if way[name] != usual[name]]
            if len(plain) != 1 or len(unusual) != 1:
                continue
            name, value = unusual[0], way[unusual[0]]
            off = name == "without" or (name == "prompt" and value == run.settings.prompt)
            faulty, sound = (plain[0], evaluation) if off else (evaluation, plain[0])
            if name == "without":
                audit, without = AUDIT_OF.get(value), f"suites without {value.replace('_', ' ')}"
            else:
                audit, without = SCORING.get((name, value), (None, None))
            if audit is None:
                continue
            row = run.key | {"audit": audit, "without": without, "step": way["step"] if way["step"] >= 0 else None}
            shared = means_on_shared_questions(run, faulty, sound) or means[[faulty, sound]]
            row |= dict(zip(("released_with", "released_without"), shared, strict=True))
            if name == "without":
                row |= (changed := _changed(run, faulty, sound))
                if changed and not any(changed.values()):
                    row["without"] += NOT_EXERCISED
            rows.append(row | _flips((run, faulty), (run, sound)))
    return rows


def _changed(run: Run, one: str, other: str) -> dict:
    """CHANGED of two evaluations by one model, {} if one is not on record: the same question has the same margin."""
    tables = [run.margins(name, ("id", "label", "margin").__contains__) for name in (one, other)]
    if any(table is None for table in tables):
        return {}
    both = tables[0].merge(tables[1], on="id")
    labels, margins = (both[f"{name}_x"] != both[f"{name}_y"] for name in ("label", "margin"))
    return dict(zip(CHANGED, (int((labels | margins).sum()), int(labels.sum())), strict=True))


def _flips(one: tuple[Run, str], other: tuple[Run, str]) -> dict:
    found = differing_verdicts(one, other)
    return {"flips": found["flips"], "n": found["flips_n"]} if found else {}
