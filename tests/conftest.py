"""Tests run tiny models: one thread each is fastest, and leaves the other core to whatever runs beside them."""

import gc
import os
import resource
import signal
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

CONF = Path(__file__).parents[1] / "conf"
# Rooms whose files take longest, because they run whole scripts.
LONG = ("scripts", "training")

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("WANDB_MODE", "offline")


def pytest_collection_modifyitems(items):
    """What takes longest comes first, so that of two processes none is left alone with it at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture
def small_files():
    """A function that lets no file grow beyond so many bytes: what a full disk does, without filling one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    limit(before[0])
    signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture(scope="session")
def composed():
    """overrides, name of the script's config → config without its hydra node, or with it if keep_hydra."""

    def compose_once(*overrides, name="train", keep_hydra=False):
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose(name, overrides=list(overrides), return_hydra_config=True)
        # What Hydra sets at the start of a job.
        cfg.hydra.runtime.output_dir = "."
        cfg.hydra.job.num = 0
        cfg.hydra.job.id = "0"
        HydraConfig.instance().set_config(cfg)
        if not keep_hydra:
            with open_dict(cfg):
                del cfg["hydra"]
        return cfg

    return compose_once


def pytest_collection_finish():
    """What was imported by now stays: each training would collect garbage among it, a third of a second."""
    gc.collect()
    gc.freeze()
