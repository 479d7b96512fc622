"""hydra/launcher=joblib: cells as processes of this machine, a few at a time."""

import logging
import os
import queue
from collections.abc import Sequence

from hydra.errors import CompactHydraException

from hydra_plugins.cells import Cell, CellLauncher

log = logging.getLogger(__name__)


class JoblibLauncher(CellLauncher):
    """n_jobs cells at a time, each in a process of its own, so that one that is killed takes no other with it.

    gpus: numbers of this machine's GPUs, one of which each running cell has to itself; None leaves it to torch.
    """

    engine = needs = "joblib"

    def __init__(self, n_jobs: int, gpus: Sequence[int] | None):
        self.n_jobs = n_jobs if gpus is None else len(gpus)
        self.gpus = gpus

    def setup(self, **arguments) -> None:
        super().setup(**arguments)
        if type(self.n_jobs) is not int or self.n_jobs < 1:
            key = f"n_jobs={self.n_jobs}" if self.gpus is None else "gpus=[]"
            raise CompactHydraException(f"hydra.launcher.{key}: at least one cell must run at a time")

    def run(self, cells: list[Cell]) -> None:
        from joblib import Parallel, delayed

        free: queue.SimpleQueue[int | None] = queue.SimpleQueue()  # one a batch: hydra.sweeper.max_batch_size
        for gpu in [None] * self.n_jobs if self.gpus is None else self.gpus:
            free.put(gpu)
        Parallel(self.n_jobs, backend="threading")(delayed(self._in_its_own_process)(cell, free) for cell in cells)

    def _in_its_own_process(self, cell: Cell, free: queue.SimpleQueue) -> None:
        from joblib.externals.loky import ProcessPoolExecutor

        gpu = free.get()
        # Each cell would take all cores for itself.
        threads = max(1, (os.cpu_count() or 1) // self.n_jobs)
        environment = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = str(gpu)
        try:
            with ProcessPoolExecutor(max_workers=1, env=environment) as process:
                process.submit(cell).result()
        except Exception:  # whatever a cell dies of, the others must run
            log.exception("%s: its process ended early", cell.config.hydra.job.num)
        finally:
            free.put(gpu)
