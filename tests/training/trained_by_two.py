"""Run by torchrun in test_two_processes.py: trains one config after another, and each process writes what it ended with.

torchrun --nproc-per-node=2 trained_by_two.py JOBS

JOBS: a JSON file, a list of {"folder", "overrides", "delete": what of the folder is deleted first}. Writes processRANK.json beside
it, a list in the order of the jobs.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from unittest.mock import patch

import torch.distributed
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from models.adapters import Dropout
from models.loading import load_answerer
from records.run_folder import RunFolder
from records.tracking import Tracker
from training.building import build_loss, build_schedule
from training.fine_tune import fine_tune
from training.trainer import save_adapter


def trained(cfg, folder):
    """What this process ended with, and the log, which the first process writes."""
    kept = []
    drop = Dropout.forward

    def dropped(dropout, values):
        kept.append(drop(dropout, values))
        return kept[-1]

    loss, schedule = build_loss(cfg), build_schedule(cfg)
    answerer, _ = load_answerer(cfg.model, lora=cfg.lora, seed=cfg.seed)
    tracker = Tracker({"mode": "disabled"}, folder, "", "train", {})
    with (
        tracker,
        patch("training.trainer.save_adapter", wraps=save_adapter) as saving,
        patch.object(Dropout, "forward", dropped),
    ):
        facts = fine_tune(cfg, answerer, loss, schedule, RunFolder(folder), tracker)
    ended = {
        "checkpoints": saving.call_count,
        "kept": kept[0].flatten()[:512].tolist() if kept else None,
        "steps": facts["steps"],
        "loss": {name: value.tolist() for name, value in loss.state_dict().items()},
        "schedule": schedule.state_dict(),
        "adapter": sum(p.abs().sum().item() for name, p in answerer.named_parameters() if "lora" in name),
    }
    return ended, Path(folder, "training_log.jsonl").read_text()


def main(jobs):
    rank = int(os.environ["RANK"])
    found = []
    for job in json.loads(jobs.read_text()):
        if job["delete"]:
            if rank == 0:
                for name in job["delete"]:
                    shutil.rmtree(Path(job["folder"], name))
            torch.distributed.barrier()
        with initialize_config_dir(str(Path(__file__).parents[2] / "conf"), version_base="1.3"):
            overrides = [*job["overrides"], f"out={job['folder']}"]
            cfg = compose("train", overrides=overrides, return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        found.append(trained(cfg, job["folder"]))
    jobs.with_name(f"process{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
