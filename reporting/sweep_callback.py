"""What happens when the last cell of a sweep has ended: tables, figures, the list of failures."""

import logging

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from records.sweep_status import cells, failures
from records.tracking import Tracker

log = logging.getLogger(__name__)


class WriteTables(Callback):
    """Writes the tables and figures under ``results`` and mirrors the tables to wandb.

    failed: one line for each cell of the last sweep that failed; sweep.py turns it into the exit status.
    """

    failed: list[str] = []

    def on_multirun_end(self, config: DictConfig, **kwargs) -> None:
        folder = config.hydra.sweep.dir
        WriteTables.failed = failures(folder)
        ended = [cell["status"] for cell in cells(folder)]
        counts = ", ".join(f"{ended.count(status)} {status}" for status in dict.fromkeys(ended))
        log.info("%d cells: %s", len(ended), counts)
        from reporting import tables, write_all  # late: --help need not wait for it

        summary = write_all(config.results)
        print(summary)
        with Tracker(config.tracking, config.results, str(folder), "tables", {"grid": config.grid}) as tracker:
            tracker.tables(tables(config.results))
