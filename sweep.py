"""Run the grid, five variants by default, and write the result tables.

    python sweep.py                                  five variants at demo scale
    python sweep.py seed=0,1,2 scale=cpu             more seeds, larger
    python sweep.py protocol=corrected               the same losses on the corrected construction
    python sweep.py scale=paper model=gemma3_270m hydra/launcher=slurm    on a GPU cluster; joblib, ray: docs/cluster.md
    python sweep.py seed=0,1,2 plan=true             only tell what it would run, and how long that takes
    python sweep.py seed=0,1,2 status=true           only tell how each of its cells stands

Finished cells are skipped, interrupted ones go on. A failed cell does not stop the others: it is listed at the
end and makes the exit status 1. Runs, tables and figures: outputs/, which git ignores; results=results puts them into the
committed record.
"""

import gc
import logging
import os
import sys
from contextlib import suppress

import hydra
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from input_output.errors import UserError
from records.claim import Claimed, is_first_process
from records.run_folder import RunFolder, RunFolderError
from records.sweep_status import note_cell
from reporting.sweep_callback import WriteTables, exit_of_sweep
from train import run
from training.settings import CONF
from training.start import start

log = logging.getLogger(__name__)

UNNOTED: list[str] = []  # a line for each failure that could not be written into the sweep's folder


@hydra.main(version_base="1.3", config_path="conf", config_name="sweep")
def main(cfg: DictConfig) -> None:
    """One cell of the grid."""
    try:
        note_cell("started", cfg.out)
        skipped = RunFolder.for_training(cfg.out).finished
        run(cfg)
        note_cell("skipped" if skipped else "finished", cfg.out)
    except Exception as error:  # whatever a cell dies of, the others must run
        try:
            note_end(cfg, error)
        except OSError as full:
            UNNOTED.append(f"{cfg.out}: {type(error).__name__}: {error}; that cannot be noted: {full}")
            log.error(UNNOTED[-1])
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            sys.exit(1)  # so that torchrun and srun end the cell's other processes, which would wait for this one
    finally:
        gc.collect()  # the Trainer and its callbacks hold each other, and with them the model


def note_end(cfg: DictConfig, error: Exception) -> None:
    """What a cell ended with: into the log, the sweep's list and, if it failed at its work, its record."""
    if isinstance(error, Claimed):
        log.warning("left to another process: %s", error)
        note_cell("elsewhere", cfg.out)
        return
    log.error("%s: failed: %s", cfg.out, error, exc_info=None if isinstance(error, UserError) else error)
    note_cell("failed", cfg.out, f"{type(error).__name__}: {error}")
    # A record that cannot be read stays as it is, and settings that name no run, or no folder, get none: the list names them.
    with suppress(UserError, OmegaConfBaseException, OSError):
        folder = RunFolder.for_training(cfg.out)
        refused = isinstance(error, UserError) and not folder.config.is_file()  # before any work
        # Only the first process has the claim; the others know nothing of whose the record is.
        if is_first_process() and not refused and not isinstance(error, RunFolderError):
            folder.fail(cfg, error)


def looking_only(arguments: list[str]) -> list[str]:
    """plan=true and status=true stand for launchers that run nothing, whatever launcher is asked for beside them."""
    launcher = {f"{show}=true": f"hydra/launcher={show}" for show in ("plan", "status")}
    wanted = [launcher[argument] for argument in arguments if argument in launcher]
    if len(wanted) > 1:
        sys.exit("error: plan=true status=true: one at a time")
    rest = [argument for argument in arguments if argument not in launcher]
    asked = [argument for argument in rest if wanted and argument.startswith("hydra/launcher=")]
    names = ["basic", *sorted(path.stem for path in (CONF / "hydra/launcher").iterdir())]
    if unknown := [argument for argument in asked if argument.partition("=")[2] not in names]:
        sys.exit(f"error: {unknown[0]}: must be one of {', '.join(names)}")
    return [argument for argument in rest if argument not in asked] + wanted


if __name__ == "__main__":
    sys.argv[1:] = looking_only(sys.argv[1:])
    start(main, __doc__, "sweep")
    sys.exit(exit_of_sweep(WriteTables.failed + UNNOTED))
