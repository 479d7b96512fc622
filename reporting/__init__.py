"""From results/ to tables and figures: no torch, no network, seconds.

`write_all(folder)` writes everything; `tables(folder)` returns the tables as data frames.
"""

from importlib import import_module

__all__ = ["ReportSummary", "collapse_rates", "tables", "write_all"]


def __getattr__(name: str):
    """What `__all__` names, imported when it is asked for: Hydra imports this package even for `sweep.py --help`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("reporting.report"), name)
