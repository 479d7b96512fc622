"""Run by torchrun in test_two_processes.py: trains one config, and each process writes what it ended with.

torchrun --nproc-per-node=2 trained_by_two.py FOLDER OVERRIDE...
"""

import json
import os
import sys
from pathlib import Path
from unittest.mock import patch

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from models.adapters import Dropout
from models.loading import load_answerer
from records.run_folder import RunFolder
from records.tracking import Tracker
from training.building import build_loss, build_schedule
from training.fine_tune import fine_tune
from training.trainer import save_adapter

kept = []
drop = Dropout.forward


def dropped(dropout, values):
    kept.append(drop(dropout, values))
    return kept[-1]


folder, *overrides = sys.argv[1:]
with initialize_config_dir(str(Path(__file__).parents[2] / "conf"), version_base="1.3"):
    cfg = compose("train", overrides=[*overrides, f"out={folder}"], return_hydra_config=True)
HydraConfig.instance().set_config(cfg)
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
Path(folder, f"process{os.environ.get('RANK', '0')}.json").write_text(json.dumps(ended))
