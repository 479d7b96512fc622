"""Each loss of the ablation against its controls on the same training data: does it teach, or only shift?"""

import pandas as pd

from records.run_settings import Part
from reporting.ablation_table import described
from reporting.results import GROUP, SETTING, Results, Run
from reporting.table import Table
from scoring.collapse import is_collapsed
from scoring.metrics import measure, paired_differences

METRICS = ("balanced_accuracy", "auroc")
# What it is called where a metric is better, and where it is worse; undecided is not named.
WORDS = {"auroc": ("knows more", "knows less"), "balanced_accuracy": ("answers better", "answers worse")}


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
    rows = []
    for key, runs in pairs.items():
        answers = [results.paired_margins(run, control) for run, control in runs]
        if any(table is None for table in answers):
            continue
        about = dict(zip([*SETTING, "against"], key, strict=True))
        about |= {"task": runs[0][0].settings.task, **described(runs[0][0])}
        rows.append(about | {"seeds": tuple(run.key["seed"] for run, _ in runs)} | _contrast(answers))
    bounds = [f"{name}_difference{end}" for name in METRICS for end in ("", "_low", "_high")]
    columns = ["variant", "setting", "against", "task", "effect", "collapsed", "collapsed_against", *bounds]
    columns += [*(f"{name}_by_seed" for name in METRICS), "n", *GROUP, "seeds", "loss", "schedule"]
    note = (
        "Differences to *against*, on the same training questions in the same order, over the pooled corrected suite of "
        "the task: answer cross-entropy; the same loss without class weights or without the published semantic term; and "
        "for the exact semantic loss cross-entropy on the answers that its constraint decides one by one (deduced). Means over the seeds, with 95 % intervals (paired bootstrap over graphs). "
        "They tell what other test items would change; what another training seed changes is seen *by seed*, "
        "and an effect is named only where the interval and every seed agree: two seeds agree by chance half of the "
        "time, three a quarter of it. *collapsed*: runs "
        "of which one answer makes up at least 99 %. *answers*: balanced accuracy; *knows*: AUROC, which no shift of "
        "the threshold changes. A loss that prevents a collapse without knowing more only moves the threshold."
    )
    frame = pd.DataFrame(rows, columns=columns)
    decimal = tuple(f"{name}_difference" for name in METRICS)
    return Table(
        "ablation_contrasts",
        "Ablation, each loss against its controls",
        note,
        frame,
        decimal=decimal,
        hidden=("loss", "schedule"),
    )


def effect(found: dict) -> str:
    """What a loss changed, from `paired_differences`: better or worse only if the interval and every seed say so."""
    said = []
    for name, (better, worse) in WORDS.items():
        low, high = found[f"{name}_difference_interval"]
        differences = found[f"{name}_differences"]
        if low > 0 and min(differences) > 0:
            said.append(better)
        elif high < 0 and max(differences) < 0:
            said.append(worse)
    return f"{', '.join(said) or 'undecided'} ({len(differences)} seed{'s' * (len(differences) > 1)})"


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


def _without_a_part(loss: Part) -> list[Part]:
    """The same loss without its class weights, without the published semantic term, or without weighing worlds."""
    found = []
    if loss.get("class_weights"):
        found.append(loss.but(class_weights=None))
    if loss.name == "Semantic":
        plain = Part("losses.CrossEntropy")
        found.append(plain.but(target=loss.get("base"), class_weights=loss.get("class_weights")))
    if loss.get("knowledge") == "axioms_and_facts":
        found.append(loss.but(knowledge="deduced"))
    return found


def _is_answer_cross_entropy(run: Run) -> bool:
    answer = Part("losses.CrossEntropy").but(target="answer")
    return run.settings.loss == answer and run.settings.sampler != "balanced"


def _contrast(answers: list[pd.DataFrame]) -> dict:
    first = answers[0]
    ours, theirs = ([table[side].reindex(first.index) for table in answers] for side in ("ours", "theirs"))
    found = paired_differences(first["label"], ours, theirs, first["graph"])
    row = {"n": len(first)}
    for name in METRICS:
        row[f"{name}_by_seed"] = tuple(found[f"{name}_differences"])
        row[f"{name}_difference"] = found[f"{name}_difference"]
        row[f"{name}_difference_low"], row[f"{name}_difference_high"] = found[f"{name}_difference_interval"]
    for column, margins in (("collapsed", ours), ("collapsed_against", theirs)):
        collapsed = [is_collapsed(measure(first["label"], one, first["graph"], resamples=0)) for one in margins]
        row[column] = f"{sum(collapsed)}/{len(collapsed)}"
    return row | {"effect": effect(found)}
