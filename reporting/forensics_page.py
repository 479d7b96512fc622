"""FORENSICS.md: for each published row, what could have given it, nearest first."""

from pathlib import Path

import numpy as np
import pandas as pd

from reporting.forensics import CELLS, CONSTANT, UNTUNED
from reporting.groups import VARIANTS
from reporting.published import PAPER_MODEL
from reporting.table import Table, as_markdown, percentage

NEAREST = 6
# However far it lies, beside the adapter: the release's own evaluations, and what the verdicts on C1 and C3 rest on.
KEPT = ("release", "merged_4bit", "adapter, text rule")
INTRODUCTION = f"""\
The paper prints one row of five accuracies a model. Each is held here against what could have given it: the release's
own small evaluations, the untuned model, the constant answers (which the text rule of audit A11 equals, whatever
the model: its Yes is found in the prompt), and our runs on Gemma 3 270M with the released settings, as adapter, merged into
16 bit, merged into the 4-bit base, and by the text rule. Shown are the {NEAREST} nearest and, however far, the release's own
evaluations, our adapter, its 4-bit merge and the text rule (of several, and of several seeds, the nearest). A prompt is named where it is not the one that
the published row was asked with (A12). *distance* is the mean absolute difference to the published row over the five suites, in
points. Rows on the *paper's own* suites are arithmetic on published counts; *rebuilt* ones are measured here on the same
construction, other samples. *samples*: questions trained on. Audit numbers (A1 …): [docs/release.md](../docs/release.md). All
candidates: [tables/forensics.md](tables/forensics.md).
"""
BASE = """\
## What the untuned base can and cannot explain

The paper tunes `gemma-3-270m-it`; what can be had without an account is the base model `gemma-3-270m`, and every row of ours is
on it. Merging an adapter that is rounded away gives back the *untuned* model: on the instruction-tuned checkpoint a row near
{published} % (the published untuned row), on the base a row near {ours} %, since the base says Yes to almost everything. So
our runs show *that* the merge loses the adapter and at which size; they cannot reproduce the digits of the published rows that
this would explain. On this base, the 4-bit merge, the text rule and always Yes all lie near the published transitivity-CE row
and cannot be told apart by it. `model=gemma3_270m_it` runs the same commands on the paper's checkpoint.
"""

# Sources, and what their distances say together.
MERGE = ("merged_4bit", "untuned model", "published, untuned model")
MERGED = (
    "Our 4-bit merge is {} points away: one that loses its adapter comes as near as the model that it is merged into, and that is "
    "{} points away for our untuned base, {} for the paper's untuned checkpoint."
)


def forensics_page(forensics: pd.DataFrame, growth: Table, law: Table, figures: list[Path], folder: Path) -> str:
    """Markdown of the page.

    forensics: the frame of `forensics_table`. figures: written ones below ``folder``, where the page will lie.
    """
    ours = forensics["suites"] == "released"
    kept = forensics[~ours | (forensics["model"] == PAPER_MODEL)]
    lines = ["# Where each published number comes from", "", INTRODUCTION]
    for variant in VARIANTS:
        lines += [f"## {variant}", "", *_variant(kept[kept["variant"] == variant]), ""]
    lines += ["## Which adapters survive a merge", "", growth.note, ""]
    lines += _pictures(figures, "adapter_growth", folder)
    if len(growth.frame):
        shown = [
            "variant",
            "step",
            "of",
            "relative_size",
            "surviving_share",
            "adapter",
            "merged_16bit",
            "merged_4bit",
            "flips",
            "margins_left",
            "samples",
            "seed",
        ]
        scored = growth.frame.dropna(subset=["merged_4bit"])
        lines += [as_markdown(Table("", "", "", scored, growth.percent, fine=growth.fine).display(shown)), ""]
    lines += ["## The law of λ", "", law.note, ""]
    lines += _pictures(figures, "lambda_law", folder)
    shown = [
        "variant",
        "model",
        "samples",
        "seed",
        "logged_to_step",
        "points",
        "answer_probability_deviation",
        "cross_entropy_deviation",
    ]
    lines += [as_markdown(law.display(shown)), ""]
    untuned = kept[(kept["variant"] == UNTUNED)].set_index("source")["mean"]
    if {"published", "untuned model"} <= set(untuned.index):
        means = {name: percentage(untuned.loc[[name]].iloc[-1]) for name in ("published", "untuned model")}
        lines += [BASE.format(published=means["published"], ours=means["untuned model"])]
    return "\n".join(lines)


def _variant(rows: pd.DataFrame) -> list[str]:
    """The published row, its nearest candidates, and what they say in a sentence."""
    published, candidates = rows[rows["source"] == "published"], rows[rows["source"] != "published"]
    candidates = candidates.dropna(subset=["distance"]).sort_values("distance", kind="stable")
    if candidates.empty:
        mean = published["mean"].iloc[0]
        printed = f"Published is the mean alone, {percentage(mean)} %" if pd.notna(mean) else "No row was published"
        return [f"{printed}: a row of five accuracies that it could be held against is not on record."]
    asked = published["prompt"].iloc[0]
    suites = candidates["suites"].replace("released", "rebuilt")
    candidates = candidates.assign(candidate=_called(candidates, asked), suites=suites)
    candidates = candidates.drop_duplicates(["candidate", "suites", *CELLS, "n"])
    candidates = candidates.drop_duplicates(
        ["candidate", "suites", "setting", "samples", "n"]
    )  # of several seeds the nearest
    alike = candidates["prompt"].fillna(asked) == asked
    best = candidates.iloc[0]
    kept = candidates["source"].str.startswith(KEPT) | (alike & (candidates["source"] == "adapter"))
    kept &= ~candidates.duplicated(["source", "prompt"])
    shown = candidates[kept | (range(len(candidates)) < np.array(NEAREST))]
    shown = pd.concat([published.assign(candidate="published"), shown])
    shown["samples"] = shown["samples"].mask(shown["source"].isin(CONSTANT))  # those of their group
    table = Table("", "", "", shown, percent=(*CELLS, "mean"), points=("distance",))
    sentence = (
        f"Nearest: **{best['candidate']}** ({best['suites']} suites), {percentage(best['distance'])} points away."
    )
    away = candidates[alike].drop_duplicates("source").set_index("source")["distance"].map(percentage)
    if {*MERGE} <= {*away.index}:
        sentence += " " + MERGED.format(*away[[*MERGE]])
    return [
        sentence,
        "",
        as_markdown(table.display(["candidate", "suites", *CELLS, "mean", "distance", "n", "samples", "seed"])),
    ]


def _called(candidates: pd.DataFrame, asked: str) -> list[str]:
    """Source of each, with the step where that is not the last, and the prompt where it is not that of the published row."""
    return [
        f"{source}"
        + (f", step {step:.0f} of {of:.0f}" if pd.notna(step) and step != of else "")
        + (f", prompt {prompt}" if pd.notna(prompt) and prompt != asked else "")
        for source, step, of, prompt in candidates[["source", "step", "of", "prompt"]].itertuples(index=False)
    ]


def _pictures(figures: list[Path], name: str, folder: Path) -> list[str]:
    found = [
        path for path in figures if path.stem == name and (name == "adapter_growth" or PAPER_MODEL in path.parent.name)
    ]
    return [line for path in found for line in (f"![{name}]({path.relative_to(folder).as_posix()})", "")]
