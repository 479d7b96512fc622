"""Figure: the law of audit A1 (`lambda_law`), our own log over it, and the release's logged points."""

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from reporting.lambda_law import LOGGED, PLAIN, answer_weights, law, logged_points, turn_tokens
from reporting.published import Published
from reporting.run import Run
from reporting.style import heading, readable

LINES = ("solid", "dashed")


def lambda_law(runs: list[Run], group: dict, published: Published) -> Figure | None:
    """One row a variant (its first seed), p(answer) left and cross-entropy right over lambda: logged points by step, the
    law, the release.

    runs: those of `runs_under_the_law` in one group.
    """
    if not runs:
        return None
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.name, run)
    figure, axes = pyplot.subplots(len(first), 2, figsize=(11, 1.4 + 3.7 * len(first)), squeeze=False)
    release = published.lambda_law
    for (left, right), run in zip(axes, first.values(), strict=True):
        points, tokens = logged_points(run), turn_tokens(run)
        weights = np.linspace(0, 1.05 * max(points["lambda"].max(), release["lambda"].max()), 200)
        highest = 0.0
        for line, (label, added) in zip(LINES, answer_weights(run).items(), strict=False):
            probability, cross_entropy = law(weights + added, tokens)
            left.plot(weights, probability, color="black", ls=line, lw=1.4, label=f"law{label}, T = {tokens}")
            right.plot(weights, cross_entropy, color="black", ls=line, lw=1.4, label=f"law{label}, T = {tokens}")
            highest = max(highest, cross_entropy.max())
        for axis, ours, theirs in ((left, LOGGED[2], "consistency"), (right, LOGGED[1], "cross_entropy")):
            dots = axis.scatter(
                points["lambda"], points[ours], c=points["step"], cmap="viridis", s=16, lw=0, label="our log"
            )
            # The release's points are of a run without class weights: on another law they would mislead.
            known = release.dropna(subset=theirs) if answer_weights(run) == PLAIN else release[:0]
            marker = {"color": "#D55E00", "marker": "D", "s": 48, "facecolors": "none", "linewidths": 1.6, "zorder": 4}
            if len(known):
                axis.scatter(known["lambda"], known[theirs], **marker, label="the release's log (T-V4)")
            axis.set(xlabel="λ, weight of the semantic term", xlim=(0, weights[-1]))
        left.set(title=f"{readable(run.name)} (seed {run.settings.seed})", ylabel="p(answer)", ylim=(-0.02, 1.02))
        # The first steps lie far above: a linear axis that held them would show nothing of the law.
        right.set(ylabel="cross-entropy (nats a token of the turn)", ylim=(0, 2 * highest))
        above = int((points[LOGGED[1]] > 2 * highest).sum())
        right.set_title(f"{above} of {len(points)} points lie above" if above else "", fontsize=10)
        figure.colorbar(dots, ax=right, label="optimisation step")
        left.legend(fontsize=9, loc="lower right")
        right.legend(fontsize=9, loc="upper right")
    figure.suptitle(f"p(answer) and the released cross-entropy against λ (audit A1)\n{heading(group)}")
    return figure
