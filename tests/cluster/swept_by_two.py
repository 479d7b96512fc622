"""Run by torchrun in test_torchrun.py: a sweep's cell whose process RANK dies of ERROR, while the other waits for it.

torchrun --nproc-per-node=2 swept_by_two.py RANK ERROR OVERRIDE...
"""

import os
import runpy
import sys
import time
from pathlib import Path

import train
from records.claim import Claimed
from records.run_folder import RunFolder

rank, error = sys.argv[1:3]


def run(cfg):
    if os.environ["RANK"] != rank:
        time.sleep(600)  # longer than the test waits
    RunFolder(cfg.out).save_config(cfg)  # past what settings are refused by
    raise {"Claimed": Claimed, "RuntimeError": RuntimeError}[error]("it dies")


train.run = run
script = Path(train.__file__).with_name("sweep.py")
sys.argv = [str(script), *sys.argv[3:]]
runpy.run_path(str(script), run_name="__main__")
