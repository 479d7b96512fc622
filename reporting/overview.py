"""REPORT.md: what was found, on one page, with the tables and figures it rests on."""

from pathlib import Path

from reporting.results import Results
from reporting.table import Table

# Tables that stand in the report itself; the others are linked.
SHOWN = (
    "summary",
    "claims",
    "forensics",
    "lambda_law",
    "table4_collapse",
    "transfer",
    "adversarial",
    "paired_tests",
    "ablation_contrasts",
)


def overview(results: Results, tables: dict[str, Table], figures: list[Path], folder: Path) -> str:
    """Markdown of the report. figures: paths below ``folder``, where REPORT.md will lie."""
    finished = len(results.runs)
    lines = [
        "# Report",
        "",
        f"Written by `python tables.py` from {finished} finished runs; {len(results.unfinished)} unfinished, "
        f"{len(results.problems)} that cannot be read. Nothing here is typed by hand. Rows name their scale and model: "
        "scales below `paper` train on fewer questions than the paper and say nothing about it at its own scale.",
        "",
    ]
    lines += [f"- not finished: {run} ({status})" for run, status in results.unfinished]
    lines += [f"- problem: {problem}" for problem in results.problems]
    for name in SHOWN:
        table = tables.get(name)
        if table is not None and len(table.frame):
            lines += [table.markdown().replace("# ", "## ", 1)]
    lines += ["## All tables", ""]
    lines += [f"- [{table.title}](tables/{name}.md)" for name, table in tables.items() if len(table.frame)]
    lines += ["", "## Figures", ""]
    for path in figures:
        place = path.relative_to(folder).as_posix()
        lines += [f"{path.parent.name}: {path.stem.replace('_', ' ')}", "", f"![{path.stem}]({place})", ""]
    return "\n".join(lines)
