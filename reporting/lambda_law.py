"""The law of audit A1: what lambda does to p(answer) and to the released cross-entropy of a semantic run.

At the position before the answer the released cross-entropy asks, with weight 1/T (T tokens in the answer turn), for the
token that stands there, and the answer is asked for with weight w: lambda, and the class weight where there is one
(audit A3). A model that has learned both tends to

    p(answer) = w / (w + 1/T)        cross-entropy = 1/T · ln((w + 1/T) / (1/T))

so that both follow the schedule of lambda, whatever the model knows. (docs/release.md, A1)
"""

import numpy as np
import pandas as pd

from records.component import Component
from reporting.groups import GROUP
from reporting.published import Published
from reporting.results import Results
from reporting.run import Run
from reporting.table import Table

LOGGED = ["lambda", "loss/cross_entropy", "answer_probability"]
TURN_TOKENS = 5
# What `answer_weights` says of a run without class weights.
PLAIN = {"": 0.0}


def law(weight, turn_tokens: int = TURN_TOKENS) -> tuple[np.ndarray, np.ndarray]:
    """p(answer) and cross-entropy (nats, mean over the turn's tokens) for an answer asked for with `weight` >= 0."""
    weight, copying = np.asarray(weight, dtype=float), 1 / turn_tokens
    return weight / (weight + copying), copying * np.log((weight + copying) / copying)


def runs_under_the_law(results: Results) -> list[Run]:
    """Semantic runs on the released cross-entropy, unfinished ones included, that logged p(answer).

    Runs that did not log it were made before the released cross-entropy covered the answer turn alone.
    """
    runs = [run for run in results.runs + results.underway if run.log is not None]
    runs = [run for run in runs if _is_released_semantic(run.settings.loss)]
    return [run for run in runs if not run.log.reindex(columns=LOGGED).dropna().empty]


def turn_tokens(run: Run) -> int:
    """Tokens in the answer turn: from the log, else from the record, else Gemma's five."""
    logged = run.log["turn_tokens"].dropna() if "turn_tokens" in run.log else []
    recorded = run.training.get("turn_tokens")
    return int(logged.iloc[0] if len(logged) else recorded or TURN_TOKENS)


def logged_points(run: Run) -> pd.DataFrame:
    """step, lambda, cross-entropy and p(answer) of the log lines that hold them all."""
    return run.log.reindex(columns=["step", *LOGGED]).dropna()


def answer_weights(run: Run) -> dict[str, float]:
    """What is added to lambda where an answer is asked for, by a phrase for the legend."""
    added = run.settings.loss.get("class_weights") or ()
    return {f" where the label is {label.capitalize()}": weight for label, weight in reversed(added)} or PLAIN


def lambda_law_table(results: Results, published: Published) -> Table:
    """One row the release, and one a run: how far the last quarter of the logged points lies from the law."""
    release = published.lambda_law.rename(columns={"cross_entropy": LOGGED[1], "consistency": LOGGED[2]})
    rows = [
        {"variant": "release (T-V4)", "points": len(release), "turn_tokens": TURN_TOKENS}
        | _deviations(release, TURN_TOKENS)
    ]
    for run in runs_under_the_law(results):
        points, tokens = logged_points(run), turn_tokens(run)
        last = points.tail(-(-len(points) // 4))
        row = run.key | {"logged_to_step": points["step"].iloc[-1], "turn_tokens": tokens, "points": len(last)}
        # With class weights the law is another for each label, and a logged point is a mean over both.
        rows.append(row | (_deviations(last, tokens) if answer_weights(run) == PLAIN else {}))
    deviations = ["answer_probability_deviation", "cross_entropy_deviation"]
    frame = pd.DataFrame(rows).reindex(
        columns=["variant", "setting", *deviations, "points", "turn_tokens", "logged_to_step", *GROUP, "seed"]
    )
    note = (
        "Mean absolute deviation of the last quarter of a run's logged points from the law of audit A1, p(answer) = λ/(λ + "
        "1/T) and cross-entropy = 1/T · ln((λ + 1/T)/(1/T)) nats, with T tokens in the answer turn. The first row: the "
        "points of the release that are on record (results/published/lambda_law.csv), one of them with p(answer). – : not logged, or the run adds "
        "a class-weighted answer term, whose law differs by label (both are drawn in the figure). Unfinished runs are shown as far as they are logged. "
        "The law is that of an optimum: a training of a few thousand questions ends before it is reached."
    )
    return Table("lambda_law", "The law of lambda: how far the logs lie from it", note, frame, fine=tuple(deviations))


def _is_released_semantic(loss: Component | None) -> bool:
    return loss is not None and loss.name == "Semantic" and loss.get("base") == "released"


def _deviations(points: pd.DataFrame, tokens: int) -> dict:
    probability, cross_entropy = law(points["lambda"], tokens)
    return {
        "answer_probability_deviation": (points[LOGGED[2]] - probability).abs().mean(),
        "cross_entropy_deviation": (points[LOGGED[1]] - cross_entropy).abs().mean(),
    }
