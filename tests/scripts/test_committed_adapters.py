"""The adapters under results/adapters: small, readable without pickle, of a base that their config names, with a card."""

import json
import re
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open

from models.loading import terms_of
from records.model_card import model_card
from records.run_folder import RunFolder

ADAPTERS = sorted((Path(__file__).parents[2] / "results/adapters").iterdir())


def test_there_are_some():
    assert ADAPTERS


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda path: path.name)
def test_its_card_is_the_one_that_would_be_written(folder):
    settings, text = RunFolder(folder).trained_with(), (folder / "README.md").read_text(encoding="utf-8")
    (done,) = re.findall(r"^# .* \((.*)\)$", text, re.MULTILINE)
    assert text == model_card(settings, terms_of(settings.model), done)


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda path: path.name)
def test_an_adapter_is_what_its_settings_say(folder):
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    peft = json.loads((folder / "adapter/adapter_config.json").read_text(encoding="utf-8"))
    assert config["variant"] == folder.name in (folder / "README.md").read_text(encoding="utf-8")
    assert (peft["r"], peft["lora_alpha"]) == (config["lora"]["rank"], config["lora"]["alpha"])
    assert "/" not in peft["base_model_name_or_path"]
    weights = folder / "adapter/adapter_model.safetensors"
    assert weights.stat().st_size < 16e6
    with safe_open(weights, "pt") as tensors:
        names = list(tensors.keys())
        # A LoRA pair for each of seven projections in each layer, all of that rank, none of them still zero.
        assert len(names) % 14 == 0 and {name.split(".")[-2] for name in names} == {"lora_A", "lora_B"}
        for name in names:
            assert min(tensors.get_slice(name).get_shape()) == config["lora"]["rank"]
        assert all(tensors.get_tensor(name).any() for name in names if "lora_B" in name)
