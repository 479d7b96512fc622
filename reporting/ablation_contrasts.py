"""Each loss of the ablation against its controls on the same training data: does it teach, or only shift?"""

import pandas as pd

from records.component import Component
from reporting.ablation_table import described
from reporting.groups import GROUP, SETTING
from reporting.paired_table import both_labels
from reporting.results import Results
from reporting.run import Run
from reporting.table import Table
from scoring.collapse import is_collapsed
from scoring.metrics import measure, paired_differences
from scoring.seeds import FEWEST_SEEDS, HIGHER, LOWER, PHASES, UNDECIDED, judged, seeds_needed

METRICS = ("balanced_accuracy", "auroc")
# What it is called where a metric is better, and where it is worse; undecided is not named.
WORDS = {"auroc": ("orders better", "orders worse"), "balanced_accuracy": ("answers better", "answers worse")}


def ablation_contrasts(results: Results) -> Table:
    """One row a setting of the ablation grid and control of it, on the same data and seeds: answer cross-entropy for
    every loss, and the same loss without its class weights, without the published semantic term, or with the labels
    that the exact semantic loss gives away in its place (knowledge=deduced).

    Args:
        results: the runs of the ablation grid alone (`Results.part`).
    """
    same_data: dict[tuple, list[Run]] = {}
    for run in results.runs:
        same_data.setdefault(_data(run), []).append(run)
    pairs: dict[tuple, list[tuple[Run, Run]]] = {}
    for run in results.runs:
        for control in same_data[_data(run)]:
            if _controls(control, run):
                key = (*(run.key[name] for name in SETTING), control.name)
                pairs.setdefault(key, []).append((run, control))
    rows, contrasts = [], []
    for key, runs in pairs.items():
        answers = [results.paired_margins(run, control) for run, control in runs]
        if any(table is None or not both_labels(table) for table in answers):
            continue
        labels = answers[0]["label"]
        if not all(len(one) == len(labels) and one["label"].reindex(labels.index).equals(labels) for one in answers):
            first, control = runs[0]
            results.problems.append(
                f"{first.folder}: not compared with {control.folder}: their other seeds answered other questions"
            )
            continue
        about = dict(zip([*SETTING, "against"], key, strict=True))
        about |= {"task": runs[0][0].settings.task, **described(runs[0][0])}
        contrasts.append(_contrast(answers))
        rows.append(about | {"seeds": tuple(run.key["seed"] for run, _ in runs)} | _row(contrasts[-1]))
    for row, found in zip(rows, judged(contrasts, METRICS), strict=True):
        row["effect"] = effect(found, len(row["seeds"]))
        for name in METRICS:
            row[f"{name}_over_seeds"], row[f"{name}_p_holm"] = found[f"{name}_seed_interval"], found[f"{name}_p_holm"]
    bounds = [f"{name}_difference{end}" for name in METRICS for end in ("", "_low", "_high")]
    columns = ["variant", "setting", "against", "task", "effect", "collapsed", "collapsed_against", *bounds]
    columns += [f"{name}_{what}" for name in METRICS for what in ("by_seed", "over_seeds", "p_holm")]
    columns += ["n", *GROUP, "seeds", "loss", "schedule"]
    note = (
        "Differences to *against*, on the same training questions in the same order, over the headline of the task "
        "(unseen structure, distance of two or more): answer cross-entropy; the same loss without class weights or without "
        "the published semantic term; and for the exact semantic loss cross-entropy on the answers that its constraint "
        "decides one by one (deduced). Means over the seeds, with 95 % intervals over blocks (paired bootstrap): what other "
        "questions would change. What other training seeds would change is *over seeds* (t interval); *p holm* is that of "
        "its test, corrected over this whole table. An effect is named only from three seeds on, where both intervals "
        "exclude 0 after the correction; one seed is an anecdote, and two are too few. Where one side collapsed on more "
        f"seeds, the rates must differ as well, which takes {seeds_needed(1.0, 0.0)} seeds against {seeds_needed(1.0, 0.0)}. "
        "*collapsed*: runs of which one answer makes up at least 99 % of all corrected suites. *answers*: balanced "
        "accuracy; *orders*: AUROC, which no shift of the threshold changes. A loss that prevents a collapse without "
        "ordering better only moves the threshold."
    )
    frame = pd.DataFrame(rows, columns=columns)
    decimal = tuple(f"{name}_difference" for name in METRICS)
    return Table(
        "ablation_contrasts",
        "Ablation, each loss against its controls",
        note,
        frame,
        decimal=decimal,
        p_values=tuple(f"{name}_p_holm" for name in METRICS),
        hidden=("loss", "schedule"),
    )


def effect(found: dict, seeds: int) -> str:
    """What a loss changed, from a row of `judged`: the words of the differences that may be named, or why none is."""
    if seeds < FEWEST_SEEDS:
        return found[f"{METRICS[0]}_word"]
    named = {HIGHER: 0, LOWER: 1}
    said = [WORDS[name][named[found[f"{name}_word"]]] for name in WORDS if found[f"{name}_word"] in named]
    why = PHASES if PHASES in (found[f"{name}_word"] for name in METRICS) else UNDECIDED
    return f"{', '.join(said) or why} ({seeds} seeds)"


def _data(run: Run) -> tuple:
    """What a run and its control share: the same questions, as many steps, the same labels withheld."""
    shared = [run.training.get(name) for name in ("data_fingerprint", "steps")]
    return (*run.group.values(), run.settings.seed, run.settings.unlabelled_fraction, *shared)


def _controls(control: Run, run: Run) -> bool:
    """Whether `control`, trained on the same data, is what `run` is held against."""
    if control is run or _is_answer_cross_entropy(run):
        return False
    if _is_answer_cross_entropy(control):
        return True
    ours, theirs = run.settings, control.settings
    same = ours.sampler == theirs.sampler and (ours.schedule == theirs.schedule or theirs.schedule is None)
    return same and ours.loss is not None and theirs.loss in _without_a_part(ours.loss)


def _without_a_part(loss: Component) -> list[Component]:
    """The same loss without its class weights, without the published semantic term, or without weighing worlds."""
    found = []
    if loss.get("class_weights"):
        found.append(loss.but(class_weights=None))
    if loss.name == "Semantic":
        plain = Component("losses.CrossEntropy")
        found.append(plain.but(target=loss.get("base"), class_weights=loss.get("class_weights")))
    if loss.get("knowledge") == "axioms_and_facts":
        found.append(loss.but(knowledge="deduced"))
    return found


def _is_answer_cross_entropy(run: Run) -> bool:
    answer = Component("losses.CrossEntropy").but(target="answer")
    return run.settings.loss == answer and run.settings.sampler != "balanced"


def _contrast(answers: list[pd.DataFrame]) -> dict:
    """`paired_differences` of the headline, n, and how many runs of either side collapsed on all suites."""
    first = answers[0]
    ours, theirs = ([table[side].reindex(first.index) for table in answers] for side in ("ours", "theirs"))
    asked = first["headline"]
    inside = ([margins[asked] for margins in side] for side in (ours, theirs))
    found = paired_differences(first["label"][asked], *inside, first["block"][asked])
    collapsed = [
        sum(is_collapsed(measure(first["label"], margins, resamples=0)) for margins in side) for side in (ours, theirs)
    ]
    return found | {"n": int(asked.sum()), "collapsed": tuple(collapsed)}


def _row(contrast: dict) -> dict:
    seeds = len(contrast[f"{METRICS[0]}_differences"])
    row = {"n": contrast["n"]}
    for name, count in zip(("collapsed", "collapsed_against"), contrast["collapsed"], strict=True):
        row[name] = f"{count}/{seeds}"
    for name in METRICS:
        row[f"{name}_by_seed"] = tuple(contrast[f"{name}_differences"])
        row[f"{name}_difference"] = contrast[f"{name}_difference"]
        bounds = contrast[f"{name}_difference_interval"] or (None, None)
        row[f"{name}_difference_low"], row[f"{name}_difference_high"] = bounds
    return row
