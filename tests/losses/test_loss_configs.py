from itertools import product
from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf

from causal_tasks.families import constraint_queries
from losses import CrossEntropy, Loss
from losses.exact_semantic import KNOWLEDGE
from tests.losses.worlds import batch, item, random_logs

CONFIGS = sorted(Path("conf/loss").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_loss_config_instantiates_the_loss_it_is_named_after(path):
    loss = hydra.utils.instantiate(OmegaConf.load(path))
    assert isinstance(loss, Loss)
    assert loss.name == path.stem


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_loss_names_the_parts_that_it_returns(path, answers, text):
    """A schedule that follows a part of the loss is refused by these names before any work."""
    every = {"learned": (True,), "class_weights": (None, {"yes": 7.5, "no": 1.0}), "knowledge": KNOWLEDGE}
    every |= {"base": ("answer", "none"), "yes_share": (0.3,)}
    plain = OmegaConf.to_container(OmegaConf.load(path))
    keys = plain.keys() & every.keys()
    for values in product(*(every[key] for key in keys)):
        config = plain | dict(zip(keys, values, strict=True))
        if config.get("base") == "none" and (path.stem != "semantic" or config["class_weights"]):
            continue  # refused
        loss = hydra.utils.instantiate(config, _convert_="all")
        if path.stem == "exact_semantic":
            family = constraint_queries("transitivity", range(3))
            loss.prepare([item("transitivity", family)])
            answers = batch(family, *random_logs(6, 0)[1:])
        assert set(loss(answers, text, 0.3)) == {"total", *loss.parts}, config


def test_nested_class_weights_come_through_a_config():
    config = OmegaConf.load("conf/loss/semantic.yaml")
    config.class_weights = {"yes": 7.5, "no": 1.0}
    assert hydra.utils.instantiate(config).base.class_weights == {"yes": 7.5, "no": 1.0}
    with pytest.raises(ValueError, match=r"yes and no, got \[True, False\] \(in a YAML file they must stand in quotes"):
        CrossEntropy(class_weights=OmegaConf.to_container(OmegaConf.create("{yes: 7.5, no: 1.0}")))
