"""Where a number in a table comes from: runs, seeds, commits, configs and fingerprints."""

from pathlib import Path

import pandas as pd

from input_output.reading import read_object
from records.run_folder import RunFolder
from reporting.groups import SETTING, UNTUNED
from reporting.results import load
from reporting.run import Run
from reporting.run_files import ResultsError, read_table
from reporting.suite_tables import IN_FULL
from reporting.verdicts import JUDGED_BY

# Tables that show unfinished runs, as far as they came.
OF_UNFINISHED = ("adapter_growth", "checkpoints", "claims", "closure", "faults", "forensics", "lambda_law", "runs")
# What a table calls a suite, where the record calls it otherwise.
SUITES = {"released": "published", IN_FULL: "published_in_full"}


def explain(results_dir: str | Path, number: str) -> str:
    """What stands behind ``TABLE:ROW:COLUMN`` of results/tables/.

    ROW is the number of the row in TABLE.csv, from 1, or a text of one of its cells (a variant, say) that no other row has.
    Raises ResultsError, naming what there is, if there is no such table, row or column.
    """
    parts = number.split(":")
    if len(parts) != 3:
        raise ResultsError(f"explain={number}: must be TABLE:ROW:COLUMN, as table2_metrics:3:mcc")
    name, row, column = parts
    folder = Path(results_dir) / "tables"
    names = sorted(path.stem for path in folder.glob("*.csv"))
    if name not in names:
        raise ResultsError(f"explain={number}: no table {name}; there are {', '.join(names) or 'none'} in {folder}")
    table = read_table(folder / f"{name}.csv", ())
    if column not in table:
        raise ResultsError(f"explain={number}: {name} has no column {column}; it has {', '.join(table)}")
    found = table.loc[_row(table, row, number)]
    said = {
        key: str(found[key]) for key in table if key in (*SETTING, "against", "task", "seed") and pd.notna(found[key])
    }
    lines = [
        f"{name}, row {found.name + 1}, {column}: {found[column]}",
        ", ".join(f"{k} {v}" for k, v in said.items()),
        "",
    ]
    if "setting" in table:
        said.setdefault("setting", "")
    if str(found.get("source")).startswith("untuned model"):  # held against the variant that the row is about
        said["variant"] = UNTUNED
    results = load(results_dir)
    shown = results.runs + (results.underway if name in OF_UNFINISHED else [])
    if name == "claims":  # a row of a group, judged by its runs of several variants, none of them of the ablation
        shown = [run for run in shown if not run.ablation]
        rows = [said | {"setting": "", "variant": variant} for variant in JUDGED_BY.get(found["id"], ())]
    else:
        rows = [said]
    runs = [run for run in shown if any(_stands_behind(run, row) for row in rows)]
    if not runs:
        lines.append(
            "No run here stands behind it: a published number (results/published/), a constant answer, a yardstick, or runs that "
            "lay here when the table was written."
        )
    suites = str(found.get("suites", ""))
    return "\n".join(lines + [line for run in runs for line in _about(run, suites)])


def _row(table: pd.DataFrame, row: str, number: str) -> int:
    if row.isdecimal():
        if not 1 <= int(row) <= len(table):
            raise ResultsError(f"explain={number}: the table has rows 1 to {len(table)}")
        return int(row) - 1
    having = table.index[(table.astype(str) == row).any(axis=1)]
    if len(having) != 1:
        rows = f"rows {', '.join(str(index + 1) for index in having)}" if len(having) else f"none of {len(table)} rows"
        raise ResultsError(f"explain={number}: {row} is in {rows}; give the number of one")
    return int(having[0])


def _stands_behind(run: Run, said: dict[str, str]) -> bool:
    """Whether the row is of this run, of a mean over it and other seeds, or of a comparison with it."""
    key = {name: str(value) for name, value in run.key.items()}
    variant = said.get("variant")
    if "setting" in said:
        own = (variant, said["setting"]) == (key["variant"], key["setting"])
    else:  # what compares two runs calls them by their names
        own = variant in (key["variant"], run.name)
    if not own and said.get("against") != run.name:
        return False
    # An untrained model belongs to every group of its scale.
    same = said.keys() & ({"model", "scale", "samples", "trained_on"} if run.settings.samples else {"model", "scale"})
    seed = said.get("seed", "")
    one_seed = seed.removesuffix(".0").isdecimal()
    return all(said[name].removesuffix(".0") == key[name] for name in same) and (
        not one_seed or seed.removesuffix(".0") == key["seed"]
    )


def _about(run: Run, suites: str) -> list[str]:
    info, training = run.info, run.training
    changed = {True: ", with uncommitted changes", False: ""}.get(info.get("uncommitted_changes"), ", changes unknown")
    lines = [
        f"{run.name}, seed {run.key['seed']}: {run.folder}",
        f"  config     {run.folder / 'config.yaml'}",
        f"  commit     {info.get('commit')}{changed}; {info['status']} {info.get('finished', '')}".rstrip(),
        f"  command    {info.get('command')}",
    ]
    if training:
        lines.append(
            f"  trained    {training.get('samples')} questions, fingerprint {training.get('data_fingerprint')}"
        )
    for suite in RunFolder(run.folder).scored():
        report = read_object(suite.metrics)
        if suites in ("", "nan") or SUITES.get(suites, suites) == report.get("suite", suite.name):
            prints = "; ".join(f"{place} {value}" for place, value in (report.get("data_fingerprint") or {}).items())
            margins = report.get("margins_fingerprint", "not recorded")
            lines.append(f"  scored     {suite.name}: questions {prints}; margins {margins}")
    return [*lines, ""]
