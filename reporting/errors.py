"""Look at what a model gets wrong: its most confident errors and the minimal pairs it fails, drawn as graphs."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from causal_tasks.items import Item, LabelledQuestion
from input_output.writing import write_text
from reporting.graph_drawing import draw_question, positions
from reporting.run_files import ResultsError
from reporting.style import save

PAIR, FAMILY = "stratum/pair", "stratum/family"
QUESTION = ["task", "split", "id"]


@dataclass(frozen=True)
class Shown:
    """One figure: a heading and the answers it shows, each (item, its question, row of the margins table)."""

    kind: str
    heading: str
    answers: list[tuple[Item, LabelledQuestion, pd.Series]]


def draw_errors(
    margins: pd.DataFrame,
    parts: Mapping[tuple[str, str], Sequence[Item]],
    folder: str | Path,
    count: int = 12,
    title: str = "Errors",
) -> Path:
    """Write one PNG for each error and failed pair, and index.html that shows them all; return the HTML's path.

    Args:
        margins: columns id, task, split, label, margin, and stratum/pair, stratum/family where there are minimal pairs.
        parts: (task, split) -> the items that were scored; every id in `margins` must be a question of one of its part's.
        count: at most this many errors and as many pairs of each task, those with the largest margins first.
    Raises:
        ResultsError: an id of `margins` that no item has.
    """
    folder = Path(folder)
    asked = {(*part, q.id): (item, q) for part, items in parts.items() for item in items for q in item.questions}
    unknown = [key for key in margins[QUESTION].itertuples(index=False, name=None) if key not in asked]
    if unknown:
        raise ResultsError(f"{len(unknown)} ids are of none of the items given, the first {unknown[0][-1]!r}")
    margins = margins.assign(wrong=(margins["margin"] >= 0) != margins["label"])
    shown = [
        Shown(kind, heading, [(*asked[tuple(row[QUESTION])], row) for row in rows])
        for _, of_task in margins.groupby("task", sort=False)
        for kind, heading, rows in [*_confident_errors(of_task, count), *_failed_pairs(of_task, count)]
    ]
    names = []
    for number, one in enumerate(shown, start=1):
        identifier = re.sub(r"[^\w-]+", "_", one.answers[0][1].id)
        names.append(f"{number:03d}-{one.kind}-{identifier}.png")
        save(_figure(one), folder / names[-1])
    page = folder / "index.html"
    write_text(page, _page(title, margins, list(zip(shown, names, strict=True))))
    return page


def _confident_errors(margins: pd.DataFrame, count: int):
    wrong = margins[margins["wrong"]]
    wrong = wrong.loc[wrong["margin"].abs().sort_values(ascending=False, kind="stable").index]
    for rank, (_, row) in enumerate(wrong.head(count).iterrows(), start=1):
        yield "error", f"Confident error {rank} of {len(wrong)}, {row['task']}", [row]


def _failed_pairs(margins: pd.DataFrame, count: int):
    """Pairs with both answers wrong (the edit flips the verdict the wrong way), then those where it flips nothing."""
    if PAIR not in margins or margins[PAIR].isna().all():
        return
    pairs = margins.dropna(subset=PAIR).groupby(["split", PAIR], sort=False)
    facts = pd.DataFrame({"wrong": pairs["wrong"].sum(), "size": pairs["margin"].agg(lambda m: m.abs().sum())})
    facts = facts[facts["wrong"] > 0].sort_values(["wrong", "size"], ascending=False, kind="stable")
    for (split, name), fact in facts.head(count).iterrows():
        rows = [row for _, row in pairs.get_group((split, name)).iterrows()]
        what = (
            "flips the verdict the wrong way" if fact["wrong"] == len(rows) else "should flip the verdict, and does not"
        )
        family = f" ({str(rows[0][FAMILY]).replace('_', ' ')})" if FAMILY in rows[0] else ""
        yield "pair", f"Minimal pair {name}{family}:\nthe edit {what}", rows


def _figure(shown: Shown) -> Figure:
    places = [positions(item.graph) if item.graph is not None else {"": (0.0, 0.0)} for item, _, _ in shown.answers]
    if all(place.keys() == places[0].keys() for place in places):
        # The two graphs of a pair differ in an edge: with the nodes in the same places it can be seen.
        places = [places[0]] * len(places)
    sizes = []
    for place in places:
        xs, ys = zip(*place.values(), strict=True)
        sizes.append((max(xs) - min(xs), max(ys) - min(ys)))
    width = max(5.5, 1.5 + 1.15 * max(width for width, _ in sizes))
    heights = [1.4 + 0.75 * height for _, height in sizes]
    figure, axes = pyplot.subplots(
        len(shown.answers), 1, figsize=(width, sum(heights) + 0.4), height_ratios=heights, squeeze=False
    )
    figure.suptitle(shown.heading, fontsize=11)
    for axis, place, (item, question, row) in zip(axes[:, 0], places, shown.answers, strict=True):
        if item.graph is None:
            axis.text(0.5, 0.5, "the premise does not parse; see the page", ha="center")
            axis.set_axis_off()
        else:
            draw_question(axis, item.graph, question.question, place)
        axis.set_title(f"{question.hypothesis}\n{_answer(row)}", fontsize=10)
    return figure


def _answer(row: pd.Series) -> str:
    label, said = ("Yes" if yes else "No" for yes in (row["label"], row["margin"] >= 0))
    return f"label {label}, model says {said} (margin {row['margin']:+.2f})"


def _page(title: str, margins: pd.DataFrame, shown: list[tuple[Shown, str]]) -> str:
    lines = [f"{margins['wrong'].sum()} of {len(margins)} answers are wrong."]
    for task, part in margins.groupby("task", sort=False):
        lines.append(f"{task}: {part['wrong'].sum()} of {len(part)}.")
    figures = "\n".join(_section(one, name) for one, name in shown)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>
body {{ font: 15px/1.5 sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em }}
figure {{ margin: 0 0 3em; border-top: 1px solid #ccc; padding-top: 1em }}
img {{ max-width: 100% }}
figcaption {{ overflow-wrap: anywhere }}
</style></head><body>
<h1>{html.escape(title)}</h1>
<p>{html.escape(" ".join(lines))}</p>
<p>Blue: the nodes asked about. Yellow: the conditioning set. The margin is logit(Yes) &minus; logit(No).</p>
{figures}
</body></html>
"""


def _section(shown: Shown, name: str) -> str:
    texts = "".join(
        f"<p>{html.escape(item.premise)}<br><b>{html.escape(question.hypothesis)}</b> "
        f"{html.escape(_answer(row))} <small>{html.escape(question.id)}</small></p>"
        for item, question, row in shown.answers
    )
    return (
        f'<figure><h2>{html.escape(shown.heading)}</h2><img src="{html.escape(name)}" '
        f'alt="{html.escape(shown.heading)}"><figcaption>{texts}</figcaption></figure>'
    )
