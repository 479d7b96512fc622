"""wandb as a mirror of the local files. Offline unless asked otherwise; never prompts."""

import hashlib
import logging
import os
from pathlib import Path

MODES = ("online", "offline", "disabled")
log = logging.getLogger(__name__)


class Tracker:
    """One wandb run, or nothing with ``tracking.mode=disabled``.

    settings: the ``tracking`` config group. folder: where wandb keeps its files; the run's id is derived
    from ``name``, so a resumed run continues the same one.
    Use as a context manager; a run left by an exception is marked failed.
    """

    def __init__(self, settings, folder: str | Path, name: str, job_type: str, config: dict):
        self.run = None
        if settings["mode"] == "disabled":
            return
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb  # late: importing it takes a second

        Path(folder).mkdir(parents=True, exist_ok=True)
        self.run = wandb.init(
            project=settings.project,
            entity=settings.entity,
            group=settings.group,
            job_type=job_type,
            name=f"{job_type}/{name}",
            id=hashlib.sha256(f"{settings.group}/{job_type}/{name}".encode()).hexdigest()[:16],
            resume="allow",
            mode=settings.mode,
            dir=str(folder),
            config=config,
        )

    def log(self, values: dict, step: int | None = None) -> None:
        """Mirror numbers; values that are not numbers are left out (they live in the local files)."""
        if self.run is not None:
            self.run.log({k: v for k, v in values.items() if isinstance(v, (int, float))}, step=step)

    def report(self, report: dict) -> None:
        """Final numbers of a scored suite (the content of metrics.json), as the run's summary."""
        if self.run is None:
            return
        for row in report["rows"]:
            place = f"{report['suite']}/{row['task']}/{row['split']}"
            self.run.summary.update({f"{place}/{k}": v for k, v in row.items() if isinstance(v, (int, float))})

    def tables(self, tables: dict) -> None:
        """DataFrames by name."""
        if self.run is not None:
            import wandb

            self.run.log({name: wandb.Table(dataframe=table.astype(str)) for name, table in tables.items()})

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self.run is not None:
            self.run.finish(exit_code=0 if kind is None else 1)
