from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf

from losses import Loss

CONFIGS = sorted(Path("conf/loss").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_loss_config_instantiates_the_loss_it_is_named_after(path):
    loss = hydra.utils.instantiate(OmegaConf.load(path))
    assert isinstance(loss, Loss)
    assert loss.name == path.stem


def test_nested_class_weights_come_through_a_config():
    config = OmegaConf.load("conf/loss/semantic.yaml")
    config.class_weights = {"yes": 7.5, "no": 1.0}
    assert hydra.utils.instantiate(config).base.class_weights == {"yes": 7.5, "no": 1.0}
