"""REPORT.md: the paper's claims and what became of them, on one page, with links to the tables and figures."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd

from reporting.faults_table import CHANGED, not_switched
from reporting.groups import RUN
from reporting.published import PAPER_MODELS, SUITES, paper_model_first
from reporting.results import Results
from reporting.run import Run
from reporting.table import Table, as_markdown
from reporting.verdicts import OTHER_SHARES, RULES
from scoring.collapse import COLLAPSED_SHARE

# What a reviewer looks at first; the others are linked.
SHOWN_FIGURES = ("adapter_growth", "lambda_law", "accuracy_by_suite", "constancy_and_knowledge")
VERDICTS = """\
Each claim has one of four verdicts: *replicates*, *does not replicate*, *explained by* a fault of the release that gives the
published number without the claim ([docs/release.md](../docs/release.md); it is what is likely, not proven), *not settled*. They are
computed by the rule printed with the claim, and hold for the model and the number of questions that they stand beside. One seed is
an anecdote: rules that speak of runs want three, unless they ask for fewer. A run is constant if one answer makes up {share} % of its
verdicts; where a verdict would be another were it {others} %, it says so.
"""
# Questions that the paper's trainings show, epochs counted: D-V1, D-V2 and T-V4, T-V1 (docs/release.md).
PUBLISHED_LENGTHS = (332_500, 150_000, 142_500)
THREATS = """\
## Threats to validity

- **Another checkpoint.** The paper tunes `gemma-3-270m-it`; runs here are on the base model `gemma-3-270m`, whose weights can be
  had without an account, quantised once to Q4_K_M and again to nf4. What that can and cannot explain: [FORENSICS.md](FORENSICS.md).
- **Seeds.** {seeds}
  A difference is named only over three or more.{machines}
- **Many comparisons.** Holm corrects within a table; nothing corrects across the tables.
- **Scale.** Rows say how many questions they were trained on; below the paper's 50,000 they say nothing of it at its own size: its trainings
  show 142,500 (T-V1), 150,000 (T-V4, D-V2) and 332,500 (D-V1) questions, epochs counted.{scale} Verdicts on such rows are of that length.
- **Small suites.** {suites}
- **Rebuilt data.** Training questions and suites are drawn anew by the release's construction, they are not its files; how large the
  conditioning sets of `branching` are is inferred from its share of Yes ([faithfulness.md](faithfulness.md)).
- **More than the loss differs.** The paper's variants of a task differ in learning rate, adapter, batch and clipping too, and so do
  their rows here with the paper's settings, in C5 and C8 as well. {recipes}
  The control that differs in the loss alone is cross-entropy on the answer; on d-separation it lacks the weight of Yes too (A3).
- **C5 and C6 change the measure.** The paper's gain is in accuracy on the released suites, and on its adversarial samples it counts right answers;
  the rules ask for balanced accuracy on the corrected headline, and for minimal pairs of which both are right. Right answers stand beside these.
- **Chosen after looking.** The thresholds of the words for a run and the corrected suites as they are now were settled when results had been
  seen; nothing was registered beforehand. The rules of the verdicts were tightened (both prompts, Fisher's test for rates) when of the
  d-separation runs one seed of both cross-entropies and two of the semantic loss had been seen, before any other was scored. The suites were matched anew when they turned out to be answered by counting: runs scored before
  that answered other, easier questions, and rows are to be compared where *n* and *trees* agree. The yardsticks that read more than counts were
  found later still, when most of these runs had been scored; what they tell is left in the suites ([shortcuts.md](shortcuts.md)).
- **The released suites** hardly test the task: what always No scores there is under C2. The corrected ones are judged by the headline
  (structure that training never saw, distance at least 2), beside what answers without following a path
  ([shortcuts.md](shortcuts.md)).
- **Synthetic language.** One wording, one kind of question; nothing here speaks of causes in the world.
"""


def report_page(results: Results, tables: dict[str, Table], figures: list[Path], folder: Path) -> str:
    """Markdown of the report. figures: paths below ``folder``, where REPORT.md will lie."""
    lines = [
        "# Report",
        "",
        f"Written by `python tables.py` from {len(results.runs)} finished and {len(results.unfinished)} unfinished runs; "
        f"{len(results.problems)} problems. No measurement here is typed by hand.",
        "",
        *[f"- not finished: {run} ({status})" for run, status in results.unfinished],
        *[f"- problem: {problem}" for problem in results.problems],
        "",
        "## The paper's claims",
        "",
        VERDICTS.format(
            share=f"{100 * COLLAPSED_SHARE:g}", others=" or ".join(f"{100 * share:g}" for share in OTHER_SHARES)
        ),
        *_overview(tables["claims"].frame),
        *_claims(tables["claims"].frame),
        "## Where the published numbers come from",
        "",
        "[FORENSICS.md](FORENSICS.md): each published row beside what could have given it, nearest first; at which size "
        "an adapter survives the merge; the law of λ.",
        "",
        *_faults(tables["faults"]),
        *_constant_answer(tables["constant_answer"]),
        _threats(results, tables),
        "## Tables",
        "",
        *[f"- [{table.title}](tables/{name}.md)" for name, table in tables.items() if len(table.frame)],
        "",
        "## Figures",
        "",
    ]
    for path in figures:
        place = path.relative_to(folder).as_posix()
        name = f"{path.stem.replace('_', ' ')}, {path.parent.name}"
        lines += [f"![{name}]({place})", ""] if path.stem in SHOWN_FIGURES else [f"- [{name}]({place})"]
    return "\n".join(lines).rstrip() + "\n"


def _overview(claims: pd.DataFrame) -> list[str]:
    """A table: claim by claim the verdicts on the paper's model, a column for each size of its trainings."""
    papers = paper_model_first(claims[claims["model"].isin(PAPER_MODELS)], samples=False)
    if papers.empty:
        return []
    rows: dict[str, dict] = {}
    for row in papers.to_dict("records"):
        about = {"claim": f"{row['id']}: {row['claim']}", "published": _text(row["published"])}
        figure = f"; the published figure: {row['published_figure']}" if row["published_figure"] else ""
        found = rows.setdefault(row["id"], about)
        found[f"{row['model']}, {row['samples']:,} questions"] = row["verdict"] + figure
    table = pd.DataFrame([rows[identity] for identity in sorted(rows)])
    return [as_markdown(table.fillna("–")), ""]


def _claims(claims: pd.DataFrame) -> list[str]:
    """A section a claim: published, measured group by group (the paper's model first, the largest first), verdict, rule."""
    if claims.empty:
        return ["No run of the paper's fine-tuned variants yet.", ""]
    order = paper_model_first(claims, samples=False).sort_values("id", kind="stable")
    lines = []
    for identity, rows in order.groupby("id", sort=False):
        first = rows.iloc[0]
        lines += [f"### {identity}: {first['claim']}", "", f"- published: {_text(first['published'])}"]
        for row in rows.to_dict("records"):
            runs = f"{row['runs']} runs" if row["runs"] > 1 else "1 run"
            if row["unfinished"]:
                runs += (
                    ", unfinished" if row["unfinished"] == row["runs"] else f", {row['unfinished']} of them unfinished"
                )
            hours = f", {row['seconds'] / 3600:.1f} h" if row["seconds"] else ""
            about = f"{row['model']}, {row['samples']:,} questions, {runs}{hours}"
            others = f" ({row['at_other_shares']})" if row["at_other_shares"] else ""
            others += f"; the published figure: **{row['published_figure']}**" if row["published_figure"] else ""
            lines.append(f"- {about}: {row['measured']}. **{row['verdict']}**{others}")
        lines += [f"- rule: {RULES[identity]}", ""]
    return lines


def _faults(table: Table) -> list[str]:
    """On the paper's model: each pair at the newest step that was scored."""
    frame = paper_model_first(table.frame[table.frame["model"].isin(PAPER_MODELS)])
    last = frame.groupby(["audit", "without", *RUN], sort=False)["step"].transform("max")
    frame = frame[frame["step"].isna() | (frame["step"] == last)]
    models = " and ".join(frame["model"].unique()) or PAPER_MODELS[-1]
    lines = ["## Each fault switched alone", "", f"On {models}. {table.note}", ""]
    if frame.empty:
        return [*lines, "Not measured.", ""]
    columns = ["audit", "without", "variant", "setting"]
    columns += [f"{measure}_{side}" for measure in ("released", "balanced") for side in ("with", "without")]
    shown = replace(table, frame=frame).display(
        [
            *columns,
            "balanced_difference",
            "flips",
            "n",
            "flips_of_seeds",
            *CHANGED,
            "also_differs",
            "model",
            "samples",
            "seed",
        ]
    )
    return [*lines, as_markdown(shown), "", not_switched(frame), ""]


def _constant_answer(table: Table) -> list[str]:
    """Trainings on released data; the others are linked."""
    frame = table.frame[table.frame["trained_on"].astype(str).str.startswith("released")]
    lines = ["## What prevents the constant answer, and at what cost", "", table.note, ""]
    lines += [
        "On released data; other losses, shares of Yes and constructions: [all rows](tables/constant_answer.md).",
        "",
    ]
    if frame.empty:
        return [*lines, "Not measured.", ""]
    columns = [
        "variant",
        "setting",
        "prompt",
        "runs",
        "collapsed",
        "constant_probes",
        "probes",
        "never_seen",
        "never_left",
        "left_after",
        "balanced",
        "trees",
        "n",
        "seconds",
        "model",
        "samples",
    ]
    return [*lines, as_markdown(replace(table, frame=paper_model_first(frame, samples=True)).display(columns)), ""]


def _threats(results: Results, tables: dict[str, Table]) -> str:
    """THREATS with what is counted of the runs at hand."""
    trained = [run for run in results.runs if run.settings.task is not None]
    seeds = Counter(run.shared_key for run in trained)
    alone = [key for key, count in seeds.items() if count == 1]
    papers = [run for run in trained if run.settings.model in PAPER_MODELS]
    of_papers = {run.shared_key for run in papers}
    said = f"Of {len(seeds)} trained settings {len(alone)} have one seed, the most that any has is {max(seeds.values(), default=0)}; "
    said += f"of the {len(of_papers)} on the paper's model {sum(key in of_papers for key in alone)} have one."
    measured = results.measured[results.measured["model"].isin(PAPER_MODELS)]
    small = measured[measured["suite"].isin(["published", "corrected"]) & measured["split"].isin([*SUITES])]["n"]
    suites = "None was scored on the paper's model." if small.empty else (
        f"{small.min():,.0f} to {small.max():,.0f} questions a suite on the paper's model, where the paper has 10,000."
    )  # fmt: skip
    full = measured[measured["suite"] == "published_in_full"]
    if runs := full.groupby(RUN, sort=False).ngroups:
        suites += f" {runs} of the runs answered the released suites in full too, for C7; the other claims rest on the small ones."
    pairs = tables["paired_tests"].frame
    other = f"{(pairs['other_recipe'] != '').sum()} of {len(pairs)} paired tests"
    recipes = f"[{other}](tables/paired_tests.md) are of two recipes, which *other recipe* names."
    return THREATS.format(
        seeds=said, machines=_machines(papers), scale=_share_of_training(papers), suites=suites, recipes=recipes
    )


def _machines(runs: list[Run]) -> str:
    """On how many commits and processors the repetitions of one setting were trained, where these are several."""
    repeated: dict[tuple, list[Run]] = {}
    for run in runs:
        repeated.setdefault(run.shared_key, []).append(run)
    apart = [key for key, same in repeated.items() if len({(run.commit, run.processor) for run in same}) > 1]
    several = sum(len(same) > 1 for same in repeated.values())
    if not apart:
        return ""
    return (
        f" Of {len(apart)} of the {several} settings with several the seeds were trained by more than one commit or processor, so that what "
        "they scatter by is not the seed alone."
    )


def _share_of_training(runs: list[Run]) -> str:
    """What part of the paper's shortest and longest training the shortest of these finished ones is."""
    shown = min(
        (run.training["samples"] * (run.settings.epochs or 1) for run in runs if run.training.get("samples")),
        default=None,
    )
    if shown is None:
        return ""
    shares = " to ".join(f"{100 * shown / of:.1f}" for of in (max(PUBLISHED_LENGTHS), min(PUBLISHED_LENGTHS)))
    return f" {shown:,} are {shares} % of these."


def _text(published) -> str:
    return "no figure" if pd.isna(published) else str(published)
