"""Write every table and figure of a results folder, and say what was left out and why."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from causal_tasks.spec import TASKS
from input_output.locks import locked
from input_output.reading import read_json
from input_output.writing import write_text
from reporting.ablation_contrasts import ablation_contrasts
from reporting.ablation_table import ablation_table, judged_runs
from reporting.adapter_growth import adapter_growth_table
from reporting.adversarial_table import adversarial_contrasts, adversarial_table
from reporting.checkpoint_table import checkpoint_table
from reporting.claims import claims_table
from reporting.closure_table import closure_table
from reporting.collapse_tables import collapse_rate_table, collapse_table
from reporting.constant_answer import constant_answer_table
from reporting.faults_table import faults_table
from reporting.forensics import forensics_table
from reporting.forensics_page import forensics_page
from reporting.groups import GROUP, SETTING, grouped
from reporting.lambda_law import lambda_law_table, runs_under_the_law
from reporting.metrics_tables import metrics_by_split_table, metrics_table, transfer_table
from reporting.paired_table import paired_table
from reporting.published import load_published
from reporting.report_page import report_page
from reporting.results import Results, load, results_folder
from reporting.runs_table import runs_table
from reporting.suite_tables import accuracy_table, prediction_table
from reporting.summary_table import readme_table, summary_table
from reporting.table import Table

# What runs of one learning curve share.
DATA = [name for name in GROUP if name != "samples"]
# Of the main table, what a terminal has room for.
ON_SCREEN = ("variant", "setting", "samples", "seed", "paper", "released", "balanced_accuracy", "yes_rate", "verdict")
ROWS_ON_SCREEN = 20


@dataclass
class ReportSummary:
    """What `write_all` did; as text, the main table and where the files lie.

    `unfinished` holds (run folder, status), `problems` one line each. Problems are in no table, and unfinished runs only
    in those that say so, as far as they came. `frames` are the tables by name, as numbers (shares in 0..1), e.g. for a tracker.
    """

    finished: int
    unfinished: list[tuple[str, str]]
    problems: list[str]
    main: Table
    folder: Path
    tables: list[Path] = field(default_factory=list)
    tex: bool = False
    figures: list[Path] = field(default_factory=list)
    seconds: float = 0.0
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __str__(self) -> str:
        told = self.main.frame
        without = ["setting"] if "setting" in told and told["setting"].fillna("").eq("").all() else []
        rows = self.main.display([name for name in ON_SCREEN if name in told and name not in without])
        if len(rows) > ROWS_ON_SCREEN:
            rows = readme_table(self.main).display()
        lines = [
            self.main.title,
            rows.to_markdown(index=False, tablefmt="simple", disable_numparse=True),
            f"all rows and columns: {self.folder / 'tables' / self.main.name}.md",
            "",
            f"{self.finished} finished runs, {len(self.unfinished)} unfinished, {len(self.problems)} problems",
        ]
        lines += [f"  not finished: {run} ({status})" for run, status in self.unfinished]
        lines += [f"  problem: {problem}" for problem in self.problems]
        kinds = "CSV, Markdown and LaTeX" if self.tex else "CSV and Markdown"
        lines.append(f"{len(self.tables)} tables in {self.folder / 'tables'}, each as {kinds}")
        lines.append(
            f"{len(self.figures)} figures in {self.folder / 'figures'}; on one page: {self.folder / 'REPORT.md'}"
        )
        lines.append(f"written in {self.seconds:.1f} s")
        return "\n".join(lines)


def write_all(
    results_dir: str | Path = "results", out_dir: str | Path | None = None, tex: bool = False
) -> ReportSummary:
    """Write tables/, figures/ and REPORT.md under `out_dir` (default: the results folder itself); one process at a time.

    Figures lie in figures/<model>-<scale>-<samples>-<trained on>/. Files are replaced one by one, never half written.
    tex: each table also as LaTeX.

    Raises:
        ResultsError: `results_dir` is not a folder. A malformed run does not raise; it is listed in the summary.
    """
    results_folder(results_dir)  # before `out`, which may be the same, is made
    out = Path(out_dir if out_dir is not None else results_dir)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out / ".tables.lock"):  # two sweeps may end at the same time
        return _write_all(load(results_dir), out, tex)


def _write_all(results: Results, out: Path, tex: bool) -> ReportSummary:
    started = time.perf_counter()
    made = build_tables(results)
    summary = ReportSummary(
        len(results.runs), results.unfinished, results.problems, next(iter(made.values())), out, tex=tex
    )
    summary.frames = {name: table.frame for name, table in made.items()}
    for table in made.values():
        path = out / "tables" / table.name
        write_text(path.with_suffix(".csv"), table.csv())
        write_text(path.with_suffix(".md"), table.markdown())
        if tex:
            write_text(path.with_suffix(".tex"), table.latex())
        summary.tables.append(path.with_suffix(".md"))
    summary.figures = write_figures(results, summary.frames, out / "figures")
    results.problems[:] = dict.fromkeys(results.problems)
    write_text(out / "REPORT.md", report_page(results, made, summary.figures, out))
    pages = made["forensics"].frame, made["adapter_growth"], made["lambda_law"]
    write_text(out / "FORENSICS.md", forensics_page(*pages, merge_survival(results), summary.figures, out))
    summary.seconds = time.perf_counter() - started
    return summary


def tables(results_dir: str | Path = "results") -> dict[str, pd.DataFrame]:
    """The tables by name, as numbers (shares in 0..1), e.g. for a tracker."""
    return {name: table.frame for name, table in build_tables(load(results_dir)).items()}


def collapse_rates(made: dict[str, pd.DataFrame]) -> dict[str, float]:
    """`collapse_rate/<model>/<scale>/<samples>/<trained on>/<variant>/<task>` → share of its runs that collapsed, e.g. for a
    tracker; the setting, where it has one, behind the variant."""
    rows = made["table4_collapse_rate"].to_dict("records")
    place = (*SETTING, "task")
    return {"/".join(["collapse_rate", *(str(row[k]) for k in place if row[k] != "")]): row["rate"] for row in rows}


def build_tables(results: Results) -> dict[str, Table]:
    """Every table by name; the first is the main one."""
    published = load_published()
    everything, results = results, results.part(ablation=False)
    made = [
        accuracy_table(results, published),
        metrics_table(results, published),
        metrics_by_split_table(results),
        prediction_table(results, published),
        collapse_table(results),
        collapse_rate_table(results),
        transfer_table(results),
        paired_table(results),
        adversarial_table(results),
        adversarial_contrasts(results),
    ]
    named = {table.name: table for table in made}
    grid = everything.part(ablation=True)
    ablation, contrasts = ablation_table(grid), ablation_contrasts(grid)
    summary = summary_table(named["table1_accuracy"].frame, named["table4_collapse"].frame)
    forensics = forensics_table(results, published, named["table1_accuracy"].frame)
    law, growth = lambda_law_table(everything, published), adapter_growth_table(everything)
    checkpoints = checkpoint_table(everything)
    found = {table.name: table.frame for table in (*made, forensics, growth, checkpoints)}
    claims = claims_table(results, published, found)
    others = (claims, forensics, law, growth, checkpoints, faults_table(everything), constant_answer_table(everything))
    others += (closure_table(everything),)
    others += (ablation, contrasts, runs_table(everything))
    return {summary.name: summary} | named | {table.name: table for table in others}


def merge_survival(results: Results) -> dict | None:
    """What benchmarks/merge_survival.py measured; None if it was not run."""
    path = results.folder / "benchmarks" / "merge_survival.json"
    return read_json(path) if path.is_file() else None


def write_figures(results: Results, frames: dict[str, pd.DataFrame], folder: Path) -> list[Path]:
    """Draw each group's figures; one that has nothing to show is left out. `frames` are the tables."""
    # Late, because matplotlib takes a second that the tables alone need not pay.
    from reporting import (
        ablation_figure,
        adapter_growth_figure,
        lambda_law_figure,
        margin_figures,
        suite_figures,
        training_figures,
    )
    from reporting.style import save

    published = load_published()
    paths = []

    def write(group: dict, name: str, figure) -> None:
        if figure is not None:
            paths.append(folder / "-".join(str(value) for value in group.values()) / f"{name}.png")
            save(figure, paths[-1])

    write(
        {"all": "all"},
        "adapter_growth",
        adapter_growth_figure.adapter_growth(frames["adapter_growth"], merge_survival(results)),
    )
    for group, runs in grouped(runs_under_the_law(results)):
        write(group, "lambda_law", lambda_law_figure.lambda_law(runs, group, published))
    grid = results.part(ablation=True)
    judged = judged_runs(grid)
    for data in (
        pd.DataFrame([run.group for run in grid.runs], columns=GROUP)[DATA].drop_duplicates().to_dict("records")
    ):
        write(data, "learning_curves", ablation_figure.learning_curves(judged, data))
    for group, _ in grid.groups():
        write(group, "collapse_phases", ablation_figure.collapse_phases(frames["ablation"], group))
        write(group, "ablation_differences", ablation_figure.differences(frames["ablation_contrasts"], group))
    for group, runs in results.groups():
        write(group, "constancy_and_knowledge", training_figures.constancy_and_knowledge(runs, group))
    results = results.part(ablation=False)
    for group, runs in results.groups():
        write(group, "accuracy_by_suite", suite_figures.accuracy_by_suite(results, group, published))
        write(group, "yes_rate_by_suite", suite_figures.yes_rate_by_suite(results, group))
        write(group, "loss_terms", training_figures.loss_terms(runs, group))
        write(group, "collapse_over_training", training_figures.collapse_over_training(runs, group))
        write(group, "adversarial_pairs", suite_figures.adversarial_pairs(frames["adversarial"], group))
        margins = margin_figures.corrected_margins(runs, results.problems)
        write(group, "reliability", margin_figures.reliability(margins, group))
        write(group, "margin_densities", margin_figures.margin_densities(margins, group))
        for task in TASKS:
            difficulty = margin_figures.accuracy_by_difficulty(margins, group, task)
            write(group, f"difficulty_{task}", difficulty)
    return paths
