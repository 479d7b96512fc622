"""The 4-bit base of the release: nf4 in blocks of 64 (Dettmers et al. 2023, arXiv:2305.14314), by bitsandbytes."""

import importlib.util

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, PreTrainedConfig

from models.errors import ModelError

BLOCK = 64


def require_bitsandbytes(setting: str) -> None:
    """Raise ModelError, naming ``setting``, where bitsandbytes is not installed."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"{setting}: needs the package bitsandbytes; `pip install bitsandbytes` or choose another")


def four_bit_layers(precision: torch.dtype) -> BitsAndBytesConfig:
    """For transformers: bitsandbytes' own layers in place of every linear layer but the head."""
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=precision)


def quantised_already(config: PreTrainedConfig) -> str | None:
    """How a checkpoint's weights are quantised, by its config: nf4, or its method's name; None if they are not."""
    holders = (config, config.get_text_config(decoder=True))
    found = next((own for holder in holders if (own := getattr(holder, "quantization_config", None))), None)
    if found is None:
        return None
    nf4 = found.get("load_in_4bit") and found.get("bnb_4bit_quant_type") == "nf4"
    return "nf4" if nf4 else str(found.get("quant_method"))


def keep_exact(language_model: nn.Module, precision: torch.dtype) -> None:
    """Let bitsandbytes' layers compute in ``precision``, also those of a checkpoint that names another.

    And keep them from being repacked at the first scoring on a CPU: that rounds each block's scale to bf16, takes only
    shapes that its kernel knows, and would change the base in the middle of a training.
    """
    for module in language_model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
            module.compute_dtype = precision


def on_nf4_grid(weight: Tensor) -> Tensor:
    """The weight rounded to nf4, in its own precision and shape: what bitsandbytes' layers compute with."""
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit  # late: its import takes a second

    return dequantize_4bit(*quantize_4bit(weight.contiguous(), blocksize=BLOCK, quant_type="nf4"))


def dense(weight: Tensor) -> Tensor:
    """The numbers of a layer's weight, unpacked where it is one of bitsandbytes'."""
    if getattr(weight, "quant_state", None) is None:
        return weight
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(weight.data, weight.quant_state)


@torch.no_grad()
def round_to_nf4(language_model: nn.Module) -> None:
    """Put the weights of every linear layer but the head on the nf4 grid, in place: those that ``four_bit_layers`` holds."""
    head = language_model.get_output_embeddings()
    for module in language_model.modules():
        if isinstance(module, nn.Linear) and module is not head:
            module.weight.data = on_nf4_grid(module.weight.data)
