"""What happens when the last cell of a sweep has ended: tables, figures, the list of failures."""

import logging
import sys
from pathlib import Path

from hydra.core.utils import setup_globals
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from records.sweep_status import cells, failures, waiting
from records.tracking import Tracker

log = logging.getLogger(__name__)


class WriteTables(Callback):
    """Ends the sweep, unless its launcher left that to a job of the cluster.

    failed: one line for each part of the last sweep that failed; sweep.py turns it into the exit status.
    """

    failed: list[str] = []

    def on_multirun_start(self, config: DictConfig, **kwargs) -> None:
        # What is raised at the end, Hydra swallows.
        WriteTables.failed = ["the sweep did not come to its end: what stopped it is shown above"]

    def on_multirun_end(self, config: DictConfig, **kwargs) -> None:
        left = config.hydra.launcher.get("wait") is False and waiting(config.hydra.sweep.dir)
        WriteTables.failed = [] if left else end_sweep(config)


def end_sweep(config: DictConfig) -> list[str]:
    """Write tables and figures under ``config.results`` and mirror the tables to wandb.

    Returns a line for each cell that failed, and one if the tables could not be written.
    """
    folder = config.hydra.sweep.dir
    ended = [cell["status"] for cell in cells(folder)]
    if not ended:  # plan=true, status=true
        return []
    counts = ", ".join(f"{ended.count(status)} {status}" for status in dict.fromkeys(ended))
    log.info("%d cells: %s", len(ended), counts)
    failed = failures(folder)
    if len(failed) == len(ended) and not Path(config.results).exists():  # all were refused before any work
        return failed
    try:
        from reporting import collapse_rates, write_all  # late: --help need not wait for it

        written = write_all(config.results)
        print(written)
        about = {"grid": config.grid}
        with Tracker(config.tracking, config.results, str(folder), "tables", about, part=config.grid) as tracker:
            tracker.tables(written.frames)
            tracker.summary(collapse_rates(written.frames))
    except Exception as error:  # Hydra would swallow it; the cells' list must be seen, too
        log.exception("tables: failed")
        failed.append(f"tables: {type(error).__name__}: {error}")
    return failed


def exit_of_sweep(failed: list[str]) -> str | int:
    """For sys.exit: 0, or the list of what failed and with it status 1."""
    return f"{len(failed)} failed:\n" + "\n".join(failed) if failed else 0


def end_sweep_in_a_job(config: DictConfig) -> None:
    """The same as a process of its own, which ends as sweep.py would have ended."""
    setup_globals()  # the config's resolvers
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    sys.exit(exit_of_sweep(end_sweep(config)))
