"""Semantic loss against its cross-entropy counterparts, question by question."""

import itertools

import pandas as pd

from records.run_settings import KEYS, RunSettings
from reporting.groups import GROUP
from reporting.metrics_tables import DECIMAL
from reporting.results import Results
from reporting.run import Run
from reporting.table import Table
from scoring.intervals import holm, mcnemar_exact
from scoring.metrics import paired_differences

# Of a training, beside its loss and schedule.
RECIPE = ("data", "lora", "prompt", "training")
OTHER_RECIPE = (
    "*other recipe*: the settings of the training, beside the loss and its λ, in which the two differ as well; such a "
    "row does not tell what the loss does."
)


def paired_table(results: Results) -> Table:
    """Exact McNemar of every semantic variant against its cross-entropy counterparts, Holm-corrected over the table.

    Counterparts: cross-entropy on the whole text, as in the paper, and on the answer alone.
    """
    rows = []
    for group, runs in results.groups():
        for run, control in itertools.product(runs, runs):
            answers = results.paired_margins(run, control) if is_control(control, run) else None
            if answers is not None and both_labels(answers):
                about = group | {"variant": run.name, "against": control.name, "seed": str(run.settings.seed)}
                about |= {"task": run.settings.task, "other_recipe": other_recipe(run, control)}
                rows.append(about | _paired(answers))
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    columns = ["variant", "against", "task", "accuracy", "accuracy_against"]
    columns += [f"balanced_accuracy_difference{end}" for end in ("", "_low", "_high")]
    columns += ["only_variant", "only_against", "p", "p_holm", "other_recipe", *GROUP, "seed", "n"]
    note = (
        "Same questions: the headline of the task. One row is one seed: an anecdote, whatever its p. *only variant* counts "
        "the questions that it alone answers correctly. Exact McNemar; Holm over this table. The test takes "
        "questions as independent; those of one block make p somewhat too small. The interval of the difference (95 %, "
        f"paired bootstrap over blocks) does not. {OTHER_RECIPE}"
    )
    frame = pd.DataFrame(rows, columns=columns)
    decimal = (*DECIMAL, "accuracy_against", "balanced_accuracy_difference")
    title = "Semantic loss against cross-entropy, paired"
    return Table("paired_tests", title, note, frame, decimal=decimal, p_values=("p", "p_holm"))


def both_labels(answers: pd.DataFrame) -> bool:
    """Whether the headline of `Results.paired_margins` has Yes and No, without which nothing is balanced or ordered."""
    return answers.loc[answers["headline"], "label"].nunique() == 2


def balanced_difference(answers: pd.DataFrame) -> dict:
    """Ours less theirs on the headline of `Results.paired_margins`: balanced_accuracy_difference, and its _low and _high from
    a bootstrap that keeps a block's questions together (None of a single block)."""
    answers = answers[answers["headline"]]
    margins = [answers["ours"]], [answers["theirs"]]
    found = paired_differences(answers["label"], *margins, answers["block"], metrics=("balanced_accuracy",))
    low, high = found["balanced_accuracy_difference_interval"] or (None, None)
    name = "balanced_accuracy_difference"
    return {name: found[name], f"{name}_low": low, f"{name}_high": high}


def is_control(control: Run, run: Run) -> bool:
    """Whether `run` has the published semantic loss and `control`, of the same task and seed, plain cross-entropy."""
    ours, theirs = run.settings, control.settings
    if (ours.task, ours.seed) != (theirs.task, theirs.seed) or None in (ours.loss, theirs.loss):
        return False
    plain = theirs.loss.name == "CrossEntropy" and theirs.loss.get("class_weights") is None
    return ours.loss.name == "Semantic" and plain and theirs.loss.get("target") in ("sequence", "answer")


def other_recipe(run: Run, control: Run) -> str:
    """In which settings of RECIPE the two differ, in words; empty if in none."""
    ours, theirs = (_recipe(one.settings) for one in (run, control))
    differing = [key for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key)]
    return ", ".join(key.rpartition(".")[2].replace("_", " ") for key in differing)


def _recipe(settings: RunSettings) -> dict[str, object]:
    known = {key: getattr(settings, name) for name, key in KEYS.items()} | dict(settings.others)
    own = {key: value for key, value in known.items() if key.partition(".")[0] in RECIPE}
    # How often it is looked at changes no outcome.
    return {key: value for key, value in own.items() if not key.endswith("_every")} | {"faults": settings.faults}


def _paired(answers: pd.DataFrame) -> dict:
    """Of the headline: McNemar on the verdicts, and the difference."""
    headline = answers[answers["headline"]]
    correct = {side: (headline[side] >= 0) == headline["label"] for side in ("ours", "theirs")}
    test = mcnemar_exact(correct["ours"], correct["theirs"])
    return balanced_difference(answers) | {
        "accuracy": correct["ours"].mean(),
        "accuracy_against": correct["theirs"].mean(),
        "only_variant": test["only_a"],
        "only_against": test["only_b"],
        "p": test["p"],
        "n": test["items"],
    }
