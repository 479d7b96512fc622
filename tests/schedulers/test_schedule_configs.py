from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf

from schedulers import Schedule

CONFIGS = sorted(Path("conf/schedule").glob("*.yaml"))


def load(path):
    """The config as it stands inside a whole one, so that relative interpolations resolve."""
    return OmegaConf.create({"schedule": OmegaConf.load(path)}).schedule


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_schedule_config_instantiates(path):
    schedule = hydra.utils.instantiate(load(path))
    assert isinstance(schedule, Schedule)
    assert schedule(0.0) >= 0


def test_the_published_schedule():
    linear = hydra.utils.instantiate(load("conf/schedule/linear.yaml"))
    assert (linear(0.0), linear(1.0)) == (0.05, 0.30)


def test_a_constant_schedule_needs_only_its_start():
    config = load("conf/schedule/constant.yaml")
    config.start = 0.1
    assert hydra.utils.instantiate(config)(0.7) == 0.1
