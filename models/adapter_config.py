"""Read a saved adapter's settings. They may come from elsewhere, and peft would import what some of them name."""

import re
from pathlib import Path

from peft import LoraConfig

from input_output.reading import read_json
from models.errors import ModelError
from records.checkpoints import ADAPTER_CONFIG

# What our adapters set; checked below, and all that is handed to peft.
_SET = ("r", "lora_alpha", "lora_dropout", "target_modules")
# What says nothing about the weights.
_IGNORED = {"auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision", "task_type"}


def read_adapter_config(folder: Path) -> LoraConfig:
    """The LoRA settings beside an adapter's weights.

    Raises ModelError, naming the key, unless they are a plain LoRA's: rank, alpha, dropout, names of modules (a text would
    be a regular expression, which can hang), and peft's defaults everywhere else.
    """
    path = folder / ADAPTER_CONFIG
    if not path.is_file():
        raise ModelError(f"{folder}: no {ADAPTER_CONFIG} there; an adapter needs it beside its weights")
    found = read_json(path)
    if not isinstance(found, dict) or found.get("peft_type") != "LORA":
        raise ModelError(f"{path}: peft_type: must be LORA")
    modules = found.get("target_modules")
    if not isinstance(modules, list) or not all(isinstance(m, str) and re.fullmatch(r"[\w.]+", m) for m in modules):
        raise ModelError(f"{path}: target_modules: must be a list of module names")
    for key, kind in (("r", int), ("lora_alpha", (int, float)), ("lora_dropout", (int, float))):
        if not isinstance(found.get(key), kind) or isinstance(found[key], bool):
            raise ModelError(f"{path}: {key}: must be a number")
    config = LoraConfig(**{key: found[key] for key in _SET}, task_type="CAUSAL_LM", inference_mode=True)
    usual = config.to_dict()
    for key, value in found.items():
        # false, null and an empty list or dictionary say the same, in whatever version of peft wrote them
        if key not in _SET and key not in _IGNORED and value != usual.get(key) and value not in (None, False, {}, []):
            raise ModelError(
                f"{path}: {key}={str(value)[:60]}: not what train.py saves; only plain LoRA adapters are read"
            )
    return config
