"""The ablation: which loss, schedule and training prior prevent collapse, and what each costs."""

import pandas as pd

from reporting.collapse_tables import judged_rows
from reporting.groups import GROUP, RUN, SETTING
from reporting.results import Results
from reporting.run import Run
from reporting.table import Table
from scoring.collapse import COLLAPSED_SHARE, collapse_rate
from scoring.metrics import measure
from scoring.seeds import interval_over_seeds

DESCRIBED = ["loss", "schedule", "yes_share", "questions"]
# Measure → the least that it can be; the most is 1.
LEAST = {"balanced_accuracy": 0, "mcc": -1, "auroc": 0}
SHOWN = [*LEAST]
ADJUSTED = "logit_adjusted"
PASSED = "constant_while_training"
# Losses that undo the prior themselves.
REBALANCING = ("losses.WeightedCrossEntropy", "losses.LogitAdjusted")


def ablation_table(results: Results) -> Table:
    """One row a setting of the ablation grid (over its seeds): metrics, collapse rate, and cost.

    Args:
        results: the runs of the ablation grid alone (`Results.part`).
    """
    about = [run.key | {ADJUSTED: _logit_adjusted(run), PASSED: _once_constant(run)} for run in results.runs]
    judged = judged_runs(results).merge(pd.DataFrame(about, columns=[*RUN, ADJUSTED, PASSED]), on=RUN, how="left")
    rows = []
    judged = judged[judged["collapsed"].notna()]
    keys = [*SETTING, "task", "loss", "schedule"]
    for key, runs in judged.groupby(keys, sort=False, dropna=False):
        rate = collapse_rate(runs["collapsed"].tolist())
        row = dict(zip(keys, key, strict=True))
        # Training sets of different seeds differ by a few labels, and by a few questions where families are asked.
        row["questions"] = round(runs["questions"].astype(float).mean()) if runs["questions"].notna().all() else None
        row["training_yes_share"] = round(runs["yes_share"].astype(float).mean(), 2)
        row |= {name: runs[name].astype(float).mean(skipna=False) for name in [*SHOWN, ADJUSTED]}
        for name in SHOWN:
            if len(runs) == 1:
                bounds = runs[f"{name}_low"].iloc[0], runs[f"{name}_high"].iloc[0]
            else:
                bounds = interval_over_seeds(runs[name].astype(float).tolist()) or (None, None)
            low, high = (None if bound is None else min(max(bound, LEAST[name]), 1) for bound in bounds)
            row |= {f"{name}_low": low, f"{name}_high": high}
        row |= {"collapse_rate": rate["rate"], "collapse_rate_low": rate["rate_interval"][0]}
        row |= {"collapse_rate_high": rate["rate_interval"][1], "collapsed": rate["collapsed"]}
        row[PASSED] = int(runs[PASSED].sum())
        row |= {"runs": len(runs), "seeds": tuple(runs["seed"]), "seconds_a_run": runs["seconds"].mean()}
        rows.append(row | {"verdicts": "; ".join(dict.fromkeys(runs["verdict"]))})
    bounds = [f"{name}{side}" for name in [*SHOWN, "collapse_rate"] for side in ("", "_low", "_high")]
    columns = [
        "variant",
        "setting",
        "task",
        "loss",
        "schedule",
        "questions",
        "training_yes_share",
        *bounds,
        ADJUSTED,
        PASSED,
        "collapsed",
        "runs",
        "verdicts",
        "seconds_a_run",
        *GROUP,
        "seeds",
    ]
    note = (
        "Metrics are of the headline of the task (unseen structure, distance of two or more), means over seeds, from three on with "
        "a 95 % t interval over them, cut where the measure ends; of one seed, an anecdote, with that over blocks of questions. *questions* and *training yes share* are those of the training set. An MCC of – is undefined: a seed gave a "
        "constant answer. *logit adjusted*: balanced accuracy once the margin is adjusted by the log-odds of Yes in "
        "training, post hoc; – where training was rebalanced already. *constant while training*: runs that "
        "gave one answer to at least 99 % of the probe questions at some time in training; *collapsed*: at its end."
    )
    decimal = (*SHOWN, ADJUSTED, "collapse_rate", "training_yes_share")
    return Table("ablation", "Ablation", note, pd.DataFrame(rows, columns=columns), decimal=decimal)


def judged_runs(results: Results) -> pd.DataFrame:
    """One row a trained run: its metrics on the pooled corrected suite of its task, its judgement and its setting."""
    judged = judged_rows(results.measured)
    # A model that was not trained has no loss to compare.
    judged = judged[judged["own_task"].notna()]
    facts = pd.DataFrame([run.key | described(run) for run in results.runs], columns=[*RUN, *DESCRIBED])
    return judged.merge(facts, on=RUN, how="left")


def described(run: Run) -> dict:
    """A run's loss (with what its data had of its own) and schedule in one phrase each; its questions and share of Yes."""
    settings = run.settings
    data = "; balanced sampling" * (settings.sampler == "balanced")
    if settings.unlabelled_fraction:
        data += f"; {settings.unlabelled_fraction:.0%} unlabelled"
    return {
        "loss": f"{settings.loss}{data}",
        "schedule": None if settings.schedule is None else str(settings.schedule),
        "yes_share": run.training.get("yes_share"),
        "questions": run.training.get("samples"),
    }


def _logit_adjusted(run: Run) -> float | None:
    """Balanced accuracy on the headline of its task, post hoc; None if the margins carry no prior."""
    settings = run.settings
    rebalanced = settings.loss.target in REBALANCING or settings.loss.get("class_weights")
    if rebalanced or settings.sampler == "balanced" or not run.training.get("yes_share"):
        return None
    own = run.own_margins()
    if own is None:
        return None
    own = own[own["headline"]]
    if not 0 < own["label"].mean() < 1:
        return None
    row = measure(own["label"], own["margin"], resamples=0, prior=run.training["yes_share"])
    return row["logit_adjusted_balanced_accuracy"]


def _once_constant(run: Run) -> bool:
    return bool((run.probes["probe/majority_share"] >= COLLAPSED_SHARE).any())
