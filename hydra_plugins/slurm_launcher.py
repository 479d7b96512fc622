"""hydra/launcher=slurm: every cell is a job of an array, the tables are a job after it. local: the same without Slurm."""

import dataclasses
import functools
import logging
import shutil
import subprocess
import time
from collections.abc import Mapping

from hydra.core.utils import setup_globals
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf, read_write

from hydra_plugins.cells import Cell, CellLauncher

log = logging.getLogger(__name__)

# submitit's names that mean the same on every cluster; all others are Slurm's.
COMMON = ("name", "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node")
SECONDS_BETWEEN_LOOKS = 5


class SubmittedCell(Cell):
    """A cell that submitit runs: it knows its job, may be several processes, and can be sent again."""

    def __call__(self) -> None:
        import submitit

        job = submitit.JobEnvironment()
        if job.num_tasks > 1:
            # What torchrun would set. Of the GPUs that Slurm shows, each process takes its own by LOCAL_RANK.
            submitit.helpers.TorchDistributedEnvironment().export(set_cuda_visible_devices=False)
        setup_globals()  # the config's resolvers
        with read_write(self.config.hydra):
            self.config.hydra.job.id = job.job_id
        super().__call__()

    def checkpoint(self):
        """What submitit puts back into the queue when time runs out or the job is preempted; the cell itself goes on
        from its last checkpoint."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


class LocalLauncher(CellLauncher):
    """All cells at once as processes of this machine, through the same pickles and logs as under Slurm."""

    engine, needs = "local", "submitit"

    def __init__(self, folder: str, timeout_min: int, max_num_timeout: int):
        self.folder = folder
        self.timeout_min = timeout_min
        self.max_num_timeout = max_num_timeout

    def run(self, cells: list[Cell]) -> None:
        import submitit

        executor = submitit.AutoExecutor(self.folder, cluster="local", local_max_num_timeout=self.max_num_timeout)
        executor.update_parameters(timeout_min=self.timeout_min)
        for job in [executor.submit(_submitted(cell)) for cell in cells]:
            job.wait()


class SlurmLauncher(CellLauncher):
    """Submits the cells as one array, and the tables as a job that Slurm starts when all cells have ended, however.

    folder: logs and pickles. wait: stay until the cells have ended, and write the tables here; else leave at once.
    max_num_timeout: how often a cell that ran out of time is put back into the queue.
    tables: settings in which the job of the tables differs from that of a cell. job: settings of a cell's job, by the names
    of submitit.
    Slurm's accounting is not asked: who waits looks into the queue, which every Slurm has.
    """

    engine, needs = "slurm", "submitit"

    def __init__(self, folder: str, wait: bool, max_num_timeout: int, tables: Mapping, job: Mapping):
        self.folder = folder
        self.wait = wait
        self.max_num_timeout = max_num_timeout
        self.job = OmegaConf.to_container(job, resolve=True)
        self.tables = self.job | OmegaConf.to_container(tables, resolve=True)

    def setup(self, **arguments) -> None:
        super().setup(**arguments)
        if not self.wait and (most := self.config.hydra.sweeper.get("max_batch_size")):
            # Each batch would have a job of tables, which would start before the later cells.
            raise CompactHydraException(
                f"hydra.sweeper.max_batch_size={most}: not with hydra.launcher.wait=false; for so many cells at a time there is "
                f"hydra.launcher.job.array_parallelism={most}"
            )
        if shutil.which("sbatch") is None:
            raise CompactHydraException("hydra/launcher=slurm: no sbatch here; submit from a login node of the cluster")

    def run(self, cells: list[Cell]) -> None:
        array = self._submit([_submitted(cell) for cell in cells], self.job)
        log.info("%d cells: job %s. Watch: squeue --job=%s. Stop: scancel %s", len(cells), *[array] * 3)
        log.info("Logs: %s/%s_*", self.folder, array)
        if self.wait:
            _wait_for(array)
            return
        if "tables" not in (self.config.hydra.callbacks or {}):  # train.py -m, evaluate.py -m: cells alone
            return
        from reporting.sweep_callback import end_sweep_in_a_job

        end = functools.partial(end_sweep_in_a_job, self.config)
        try:
            tables = self._submit([end], self.tables | {"dependency": f"afterany:{array}"})
        except CompactHydraException as error:
            log.error(
                "%s: the tables' job; the cells are submitted. When they have ended: python tables.py results=%s",
                error,
                self.config.results,
            )
            return
        log.info(
            "Tables and the list of failures: job %s, once all cells have ended. Nothing needs to stay here.", tables
        )

    def _submit(self, functions: list, settings: dict) -> str:
        """Submit functions without arguments as one array; return the job's number."""
        import submitit

        executor = submitit.AutoExecutor(self.folder, cluster="slurm", slurm_max_num_timeout=self.max_num_timeout)
        settings = {key if key in COMMON else f"slurm_{key}": value for key, value in settings.items()}
        try:
            executor.update_parameters(**settings)
        except (NameError, ValueError) as error:
            refused = str(error).splitlines()[0]
            raise CompactHydraException(f"hydra/launcher=slurm: {refused}") from None
        try:
            jobs = executor.submit_array(functions)
        except submitit.core.utils.FailedJobError as error:
            refused = str(error).splitlines()[-1:]
            raise CompactHydraException(f"hydra/launcher=slurm: {' '.join(refused)}") from None
        return jobs[0].job_id.split("_")[0]


def _submitted(cell: Cell) -> SubmittedCell:
    return SubmittedCell(**{field.name: getattr(cell, field.name) for field in dataclasses.fields(cell)})


def _wait_for(job: str) -> None:
    """Return once no task of the job is in the queue. While Slurm does not answer, that is not known: wait on."""
    while True:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        looked = subprocess.run(["squeue", "--noheader", f"--jobs={job}"], capture_output=True, text=True)
        if looked.returncode == 0 and not looked.stdout.strip():
            return
        if looked.returncode:
            if "Invalid job id" in looked.stderr:  # it ended so long ago that Slurm has forgotten it
                return
            log.warning("squeue: %s", looked.stderr.strip())
