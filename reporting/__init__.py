"""From results/ to tables and figures: no torch, no network, seconds.

`write_all(folder)` writes everything; `tables(folder)` returns the tables as data frames.
"""

from reporting.report import ReportSummary, tables, write_all

__all__ = ["ReportSummary", "tables", "write_all"]
