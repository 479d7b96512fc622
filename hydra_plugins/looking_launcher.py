"""A Hydra launcher that runs no cell: it tells what a sweep would run (plan), or how far it has come (status)."""

from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher
from omegaconf import open_dict


class LookingLauncher(Launcher):
    """show: plan | status (reporting/sweep_plan.py)."""

    def __init__(self, show: str):
        self.show = show

    def setup(self, *, hydra_context, task_function, config) -> None:
        self.loader, self.config = hydra_context.config_loader, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list:
        # Late: Hydra imports every plugin, even for --help.
        from reporting.sweep_plan import cell_of, plan, status
        from training.settings import check_settings

        cells = {}  # by folder: the seeds of a model as it is share one
        for number, overrides in enumerate(job_overrides, start=initial_job_idx):
            cfg = self.loader.load_sweep_config(self.config, list(overrides))
            with open_dict(cfg):
                cfg.hydra.job.id = cfg.hydra.job.num = number
                HydraConfig.instance().set_config(cfg)
                del cfg["hydra"]
            check_settings(cfg)
            if cfg.out not in cells:
                cells[cfg.out] = cell_of(cfg)
        print(plan(cells.values(), cfg.results) if self.show == "plan" else status(cells.values()))
        return []
