"""wandb as a mirror of the local files. Offline unless asked otherwise; never prompts."""

import hashlib
import logging
import os
import uuid
from contextlib import contextmanager
from pathlib import Path

from input_output.writing import write_text

MODES = ("online", "offline", "disabled")
log = logging.getLogger(__name__)


class Tracker:
    """One wandb run, or nothing with ``tracking.mode=disabled``.

    settings: the ``tracking`` config group. folder: where wandb keeps its files, and with them the run's id, so that a
    resumed run goes on with the same one, and a run of another checkout, or a copy of this, has its own. part: tells apart
    what is of one job type in one folder, as the tables of two grids.
    Use as a context manager; a run left by an exception is marked failed.
    """

    def __init__(self, settings, folder: str | Path, name: str, job_type: str, config: dict, part: str | None = None):
        self.run = None
        if settings["mode"] == "disabled":
            return
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb  # late: importing it takes a second

        Path(folder).mkdir(parents=True, exist_ok=True)
        with self._going_on():
            self.run = wandb.init(
                project=settings.project,
                entity=settings.entity,
                group=settings.group,
                job_type=job_type,
                name=f"{job_type}/{name}",
                id=_id_of(Path(folder), job_type, part),
                resume="allow",
                mode=settings.mode,
                dir=str(Path(folder).resolve()),  # its service may have been started in another folder
                config=config,
            )

    @contextmanager
    def _going_on(self):
        """wandb is a mirror: what goes wrong with it is said once, and the run goes on without it."""
        try:
            yield
        except Exception as error:  # whatever its service dies of
            log.warning("wandb: %s: %s; going on without it", type(error).__name__, str(error).split("\n")[0])
            self.run = None

    def log(self, values: dict, step: int | None = None) -> None:
        """Mirror numbers; values that are not numbers are left out (they live in the local files)."""
        if self.run is not None:
            with self._going_on():
                self.run.log({k: v for k, v in values.items() if isinstance(v, (int, float))}, step=step)

    def report(self, name: str, report: dict) -> None:
        """Final numbers of a scored suite (the content of metrics.json), as the run's summary. name: of its folder, which
        says how it was scored."""
        if self.run is None:
            return
        for row in report["rows"]:
            place = f"{name}/{row['task']}/{row['split']}"
            self.summary({f"{place}/{k}": v for k, v in row.items()})

    def summary(self, values: dict) -> None:
        """Final numbers by name; booleans are 0 and 1, and what is not a number is left out."""
        if self.run is not None:
            with self._going_on():
                self.run.summary.update({k: v * 1 for k, v in values.items() if isinstance(v, (int, float))})

    def tables(self, tables: dict) -> None:
        """DataFrames by name."""
        if self.run is not None:
            import wandb

            with self._going_on():
                self.run.log({name: wandb.Table(dataframe=table.astype(str)) for name, table in tables.items()})

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self.run is not None:
            with self._going_on():
                self.run.finish(exit_code=0 if kind is None else 1)


def _id_of(folder: Path, job_type: str, part: str | None) -> str:
    """Drawn once and kept; mixed with where it lies, which a copied folder does not share, and with the part of it."""
    kept = folder / "wandb" / f"{job_type}.id"
    if not kept.is_file():
        write_text(kept, uuid.uuid4().hex)
    own = " ".join(filter(None, [kept.read_text(encoding="utf-8"), str(kept.resolve()), part]))
    return hashlib.sha256(own.encode()).hexdigest()[:16]
