"""One table: numbers for the CSV, and the same numbers formatted for Markdown, LaTeX and the terminal."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

import numpy as np
import pandas as pd

from scoring.seeds import interval_over_seeds

MISSING = "–"
OVER_SEEDS = " An interval behind a mean over seeds is a t interval over them, of three or more."
# What LaTeX would take for a command.
_LATEX = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"} | {"~": r"\textasciitilde ", "^": r"\textasciicircum "}
)
_LATEX[ord("\\")] = r"\textbackslash "


@dataclass(frozen=True)
class Table:
    """`frame` holds plain numbers (shares in 0..1), tuples of them where a cell is about several seeds, and `<column>_low`, `<column>_high` beside a column with an interval.

    percent, points, decimal: columns shown as a percentage with one digit, as a difference of percentages with one
    digit (in the frame a difference of shares), or with three digits; fine: with five; p_values: the same, with
    "<0.001" for the smallest; other numbers are shown as whole numbers. hidden: columns that only the CSV has.
    means_by, averaged: the columns that name a setting, and those of which the mean over its seeds stands, in the text
    alone, under the rows of a setting with several. The frame, and with it the CSV, has one row a seed.
    """

    name: str
    title: str
    note: str
    frame: pd.DataFrame
    percent: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    decimal: tuple[str, ...] = ()
    fine: tuple[str, ...] = ()
    p_values: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    means_by: tuple[str, ...] = ()
    averaged: tuple[str, ...] = ()

    def display(self, columns: list[str] | None = None) -> pd.DataFrame:
        """Formatted text in every cell; an interval stands in brackets behind its value."""
        return self._formatted if columns is None else self._format(columns)

    @cached_property
    def _formatted(self) -> pd.DataFrame:
        return self._format(None)

    def _format(self, columns: list[str] | None) -> pd.DataFrame:
        frame = _with_means(self.frame, [*self.means_by], [*self.averaged]) if self.means_by else self.frame
        bounds = {f"{name}_{side}" for name in frame for side in ("low", "high")} & set(frame)
        shown = columns or [name for name in frame if name not in bounds and name not in self.hidden]
        cells = {}
        for name in shown:
            values = [self._text(name, value) for value in frame[name]]
            if f"{name}_low" in bounds:
                lows = [self._text(name, value) for value in frame[f"{name}_low"]]
                highs = [self._text(name, value) for value in frame[f"{name}_high"]]
                triples = zip(values, lows, highs, strict=True)
                values = [v if low == MISSING else f"{v} [{low}, {high}]" for v, low, high in triples]
            unit = " %" if name in self.percent else " (points)" if name in self.points else ""
            cells[name.replace("_", " ") + unit] = values
        # A column of empty texts, such as what tells settings of a variant apart where each has one, is left out.
        empty = [name for name, values in cells.items() if "" in values and not {*values} - {"", MISSING}]
        return pd.DataFrame(cells).drop(columns=empty)

    def csv(self) -> str:
        """The frame; what a cell holds of several seeds is separated by blanks."""

        def plain(value):
            return (
                " ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in value)
                if type(value) is tuple
                else value
            )

        return self.frame.map(plain).to_csv(index=False, float_format="%.6g")

    def markdown(self) -> str:
        commits = self.frame["commit"].dropna().astype(str) if "commit" in self.frame else pd.Series(dtype=str)
        changed = " A commit with + had changes that no commit holds." if commits.str.endswith("+").any() else ""
        over_seeds = OVER_SEEDS if self.means_by else ""
        return f"# {self.title}\n\n{self.note}{over_seeds}{changed}\n\n{as_markdown(self.display())}\n"

    def latex(self) -> str:
        display = self.display()
        head, *rows = (
            " & ".join(text.translate(_LATEX) for text in row) + " \\\\"
            for row in (tuple(display.columns), *display.itertuples(index=False, name=None))
        )
        lines = [
            "\\begin{table}",
            f"\\caption{{{self.title}}}",
            f"\\label{{tab:{self.name}}}",
            # The tables are wider than a page: scale them to it (package graphicx).
            f"\\resizebox{{\\textwidth}}{{!}}{{\\begin{{tabular}}{{{'l' * len(display.columns)}}}",
            "\\toprule",
            head,
            "\\midrule",
            *rows,
            "\\bottomrule",
            "\\end{tabular}}",
            "\\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def _text(self, name: str, value) -> str:
        if value is None or (not isinstance(value, str | tuple) and pd.isna(value)):
            return MISSING
        if isinstance(value, str):
            return value[:10] + "+" * value.endswith("+") if name == "commit" else value
        if isinstance(value, tuple):
            return ", ".join(one if isinstance(one, str) else f"{one:+.3f}" for one in value)
        if isinstance(value, bool) or type(value).__name__ == "bool_":
            return "yes" if value else "no"
        if name in self.p_values and value < 0.001:
            return "<0.001"
        if name in self.percent + self.points:
            return percentage(value)
        if name in self.fine:
            return rounded(value, "0.00001")
        return rounded(value, "0.001" if name in self.decimal + self.p_values else "1")


def as_markdown(display: pd.DataFrame) -> str:
    """`Table.display`, its head and its rows, without title and note."""
    return display.to_markdown(index=False, disable_numparse=True)


def percentage(share: float, sign: str = "") -> str:
    """A share, or a difference of shares (sign="+"), as the tables show it: ``63.0`` of 0.6295."""
    return f"{Decimal(rounded(100 * share, '0.1')) + 0:{sign}}"  # + 0: no -0.0


def rounded(value: float, unit: str) -> str:
    """Halves away from zero, as the paper rounds; the inner rounding removes errors such as 62.749999999 for 62.75."""
    return str(Decimal(str(round(float(value), 9))).quantize(Decimal(unit), ROUND_HALF_UP))


def _with_means(frame: pd.DataFrame, keys: list[str], values: list[str]) -> pd.DataFrame:
    """The rows of each setting together, and under those with k > 1 seeds a row "mean of k".

    `values` are averaged, empty where a seed lacks the value; those with an interval get that over seeds, from three on.
    "seconds" are summed; n is averaged; the rest stays empty.
    """
    if frame.empty:
        return frame
    setting = frame.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    size = np.bincount(setting)
    first = frame[~pd.Series(setting).duplicated().to_numpy()]  # of each setting, in the order of their numbers
    means = [name for name in [*values, "n"] if name in frame]
    summary = first[keys].assign(seed=[f"mean of {k}" for k in size])
    summary[means] = frame[means].astype(float).groupby(setting).mean(skipna=False).to_numpy()
    for name in means:
        if f"{name}_low" in frame:
            seeds = frame[name].astype(float).groupby(setting)
            bounds = [interval_over_seeds(of.tolist()) or (None, None) for _, of in seeds]
            summary[[f"{name}_low", f"{name}_high"]] = bounds
    if "commit" in frame:
        summary["commit"] = first["commit"].where((frame["commit"].groupby(setting).nunique() == 1).to_numpy())
    if "seconds" in frame:
        summary["seconds"] = frame["seconds"].groupby(setting).sum().to_numpy()
    rows = [frame.astype(object), summary.reindex(columns=frame.columns).astype(object)[size > 1]]
    # Each summary goes under its seeds: a stable order by setting, with the summaries behind.
    order = np.argsort(np.concatenate([setting, np.flatnonzero(size > 1)]), kind="stable")
    return pd.concat(rows).iloc[order].reset_index(drop=True)
