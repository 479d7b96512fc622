"""FORENSICS.md: for each published row, what could have given it, nearest first."""

from pathlib import Path

import numpy as np
import pandas as pd

from reporting.forensics import CELLS, CONSTANT, UNTUNED
from reporting.groups import RUN, VARIANTS
from reporting.published import PAPER_MODELS
from reporting.table import Table, as_markdown, percentage

NEAREST = 6
# However far it lies, beside the adapter: the release's own evaluations, and what the verdicts on C1 and C3 rest on.
KEPT = ("release", "merged_4bit", "adapter, text rule")
SIZES = """\
At which size an adapter survives: {shares}. That is the adapter of {variant} ({model}, step {step:,}), multiplied
([benchmarks/merge_survival.md](benchmarks/merge_survival.md)); the dashed line of the figure. Trained adapters end far below, at the *relative size* of
their last step:
"""
MEAN_ALONE = "Published is the mean alone, {} %: *distance* is that of the means, which unlike rows of five share. Nearest: **{}** ({} suites), {} points away."
NOT_ROUNDED_AWAY = (
    " The release's own 4-bit merge (cell {}) lies {} points from the published untuned model, suite by suite: unless the two were scored unlike, that "
    "adapter was not rounded away."
)
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

The paper tunes `gemma-3-270m-it`; what can be had without an account is the base model `gemma-3-270m`, and rows of ours that
name no other are on it. Merging an adapter that is rounded away gives back the *untuned* model: on the instruction-tuned checkpoint a row near
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


def forensics_page(
    forensics: pd.DataFrame, growth: Table, law: Table, survival: dict | None, figures: list[Path], folder: Path
) -> str:
    """Markdown of the page.

    forensics: the frame of `forensics_table`. survival: results/benchmarks/merge_survival.json, None if it is not there.
    figures: written ones below ``folder``, where the page will lie.
    """
    ours = forensics["suites"] == "released"
    kept = forensics[~ours | forensics["model"].isin(PAPER_MODELS)]
    lines = ["# Where each published number comes from", "", INTRODUCTION]
    untuned = forensics[(forensics["variant"] == UNTUNED) & (forensics["source"] == "published")]
    for variant in VARIANTS:
        lines += [f"## {variant}", "", *_variant(kept[kept["variant"] == variant], untuned), ""]
    lines += ["## Which adapters survive a merge", "", growth.note, ""]
    lines += _pictures(figures, "adapter_growth", folder)
    if len(growth.frame):
        lines += _sizes(growth, survival)
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
    untuned = kept[(kept["variant"] == UNTUNED) & (kept["model"] != PAPER_MODELS[0])].set_index("source")["mean"]
    if {"published", "untuned model"} <= set(untuned.index):
        means = {name: percentage(untuned.loc[[name]].iloc[-1]) for name in ("published", "untuned model")}
        lines += [BASE.format(published=means["published"], ours=means["untuned model"])]
    return "\n".join(lines)


def _sizes(growth: Table, survival: dict | None) -> list[str]:
    """What share survives at which size, and the last size of each variant's adapters, of several runs the least and the most."""
    if survival is None:
        return []
    shares = [f"{100 * row['surviving_share']:.0f} % at {row['relative_size']:.3g}" for row in survival["rows"][1:]]
    lines = [SIZES.format(shares=", ".join(shares), **{name: survival[name] for name in ("variant", "model", "step")})]
    last = growth.frame.dropna(subset=["relative_size"]).groupby([*RUN], sort=False).tail(1)
    for about, runs in last.groupby(["variant", "model", "samples"], sort=False):
        sizes = sorted({f"{size:.4f}" for size in (runs["relative_size"].min(), runs["relative_size"].max())})
        lines.append(f"- {about[0]}, {about[1]}, {about[2]:,} questions: {' to '.join(sizes)}")
    return [*lines, ""]


def _variant(rows: pd.DataFrame, untuned: pd.DataFrame) -> list[str]:
    """The published row, its nearest candidates, and what they say in a sentence.

    rows: those of the variant. untuned: the published row of the untuned model.
    """
    published, candidates = rows[rows["source"] == "published"], rows[rows["source"] != "published"]
    mean = published["mean"].iloc[0]
    whole = published[CELLS].notna().all(axis=None)
    if not whole:
        candidates = candidates.assign(distance=(candidates["mean"].astype(float) - mean).abs())
    candidates = candidates.dropna(subset=["distance"]).sort_values("distance", kind="stable")
    if candidates.empty:
        return ["No row was published, nor its mean."]
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
    nearest = best["candidate"], best["suites"], percentage(best["distance"])
    sentence = "Nearest: **{}** ({} suites), {} points away." if whole else MEAN_ALONE
    sentence = sentence.format(*(nearest if whole else (percentage(mean), *nearest)))
    away = candidates[alike].drop_duplicates("source").set_index("source")["distance"].map(percentage)
    if {*MERGE} <= {*away.index}:
        sentence += " " + MERGED.format(*away[[*MERGE]])
    for row in rows[rows["source"].str.startswith("release, merged_4bit")].itertuples():
        apart = np.mean([abs(getattr(row, suite) - untuned[suite].iloc[0]) for suite in CELLS])
        sentence += NOT_ROUNDED_AWAY.format(row.source.split()[-1], percentage(apart))
    return [
        sentence,
        "",
        as_markdown(table.display(["candidate", "suites", *CELLS, "mean", "distance", "n", "samples", "seed"])),
    ]


def _called(candidates: pd.DataFrame, asked: str) -> list[str]:
    """Source of each, with the step where that is not the last, and the prompt where it is not that of the published row."""
    return [
        f"{source}"
        + (", as by the text rule" if source == "always Yes" else "")
        + (f", step {step:.0f} of {of:.0f}" if pd.notna(step) and step != of else "")
        + (f", prompt {prompt}" if pd.notna(prompt) and prompt != asked else "")
        + (f", {model}" if model == PAPER_MODELS[0] else "")
        for source, step, of, prompt, model in candidates[["source", "step", "of", "prompt", "model"]].itertuples(
            index=False
        )
    ]


def _pictures(figures: list[Path], name: str, folder: Path) -> list[str]:
    found = [
        path
        for path in figures
        if path.stem == name
        and (name == "adapter_growth" or path.parent.name.startswith(tuple(f"{model}-" for model in PAPER_MODELS)))
    ]
    return [line for path in found for line in (f"![{name}]({path.relative_to(folder).as_posix()})", "")]
