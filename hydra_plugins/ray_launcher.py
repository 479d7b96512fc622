"""hydra/launcher=ray: cells as tasks of a Ray cluster, or of one that is started on this machine."""

import logging
from collections.abc import Mapping

from omegaconf import OmegaConf

from hydra_plugins.cells import Cell, CellLauncher

log = logging.getLogger(__name__)


class RayLauncher(CellLauncher):
    """init: arguments of ray.init. remote: those of ray.remote, what a cell needs and how often it is tried."""

    engine = needs = "ray"

    def __init__(self, init: Mapping, remote: Mapping):
        self.init = OmegaConf.to_container(init, resolve=True)
        self.remote = OmegaConf.to_container(remote, resolve=True)

    def run(self, cells: list[Cell]) -> None:
        import ray

        ray.init(**self.init)
        try:
            run = ray.remote(**self.remote)(_call)
            for cell, task in [(cell, run.remote(cell)) for cell in cells]:
                try:
                    ray.get(task)
                except ray.exceptions.RayError:  # whatever a cell dies of, the others must run
                    log.exception("%s: its task ended early", cell.config.hydra.job.num)
        finally:
            ray.shutdown()


def _call(cell: Cell) -> None:
    cell()
