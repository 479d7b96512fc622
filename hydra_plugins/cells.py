"""What the launchers share: a cell of a sweep that can be sent to another process, and how it is kept count of.

The launchers lie in `hydra_plugins`, the only package from which Hydra takes plugins, in the place of Hydra's own for the
same engines: with those, one killed cell ends the sweep without its tables and its list. Settings: conf/hydra/launcher/.
"""

import importlib.util
import logging
import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import configure_log, filter_overrides, run_job, setup_globals
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from records.sweep_status import note

log = logging.getLogger(__name__)
ROOT = Path(__file__).parents[1]


@dataclass
class Cell:
    """One cell, its config composed, ready to be pickled. Calling it runs it, in the sweep's working directory."""

    config: DictConfig
    task: TaskFunction
    context: HydraContext
    singletons: dict[Any, Any]
    directory: str

    @property
    def number(self) -> int:
        return self.config.hydra.job.num

    def __call__(self) -> None:
        """Raises only what the task itself does not record as the cell's failure."""
        os.chdir(self.directory)
        setup_globals()
        Singleton.set_state(self.singletons)
        _ = run_job(
            task_function=self.task,
            config=self.config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self.context,
        ).return_value


class CellLauncher(Launcher):
    """Runs cells outside this process. How each ended is in the sweep's folder (records/sweep_status.py).

    engine: the option of hydra/launcher. needs: the package that it cannot do without.
    """

    engine: str
    needs: str

    @abstractmethod
    def run(self, cells: list[Cell]) -> None:
        """Run the cells; one that is killed stops no other."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        if importlib.util.find_spec(self.needs) is None:
            raise CompactHydraException(
                f"hydra/launcher={self.engine}: needs {self.needs}; pip install -r requirements-cluster.txt"
            )
        self.context, self.task, self.config = hydra_context, task_function, config
        # Other processes find the project's modules wherever they start.
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list:
        """Returns an empty list: results are files."""
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        cells: dict[str | int, Cell] = {}
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            cell = self._cell(number, overrides)
            # An evaluation (evaluate.py -m) is no run: it has no folder that could be another's, and none to be finished in.
            out, finished = _state(cell.config) if "training" in cell.config else (number, False)
            known = " : finished before" if finished else f" : the same as #{cells[out].number}" if out in cells else ""
            note(folder, number, "skipped" if known else "submitted", str(out))
            log.info("\t#%d : %s%s", number, " ".join(filter_overrides(overrides)), known)
            if not known:
                cells[out] = cell
        if cells:
            self.run([*cells.values()])
        return []

    def _cell(self, number: int, overrides: Sequence[str]) -> Cell:
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.num = number
            config.hydra.job.id = str(number)
        return Cell(config, self.task, self.context, Singleton.get_state(), os.getcwd())


def _state(config: DictConfig) -> tuple[str, bool]:
    """A cell's folder, and whether its run is finished there, so that no job need be started to find that out."""
    from input_output.errors import UserError
    from records.run_folder import RunFolder  # late: Hydra imports every plugin, even for --help

    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)  # names may depend on what Hydra chose
    try:
        settings = config.copy()
        with read_write(settings), open_dict(settings):
            del settings["hydra"]
        folder = RunFolder(settings.out)
        folder.check(settings)
        return settings.out, folder.finished
    except (UserError, OSError):  # the cell will say why
        return settings.out, False
    finally:
        HydraConfig.instance().cfg = before
