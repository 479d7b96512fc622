"""The 4-bit base of the release: nf4 in blocks of 64 (Dettmers et al. 2023, arXiv:2305.14314), by bitsandbytes."""

import importlib.util

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig

from models.errors import ModelError

BLOCK = 64


def require_bitsandbytes(setting: str) -> None:
    """Raise ModelError, naming ``setting``, where bitsandbytes is not installed."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"{setting}: needs the package bitsandbytes; `pip install bitsandbytes` or choose another")


def four_bit_layers(precision: torch.dtype) -> BitsAndBytesConfig:
    """For transformers: bitsandbytes' own layers in place of every linear layer but the head."""
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=precision)


def keep_exact(language_model: nn.Module) -> None:
    """Keep bitsandbytes from repacking its layers at the first scoring on a CPU: that rounds each block's scale to bf16,
    takes only shapes that its kernel knows, and would change the base in the middle of a training."""
    for module in language_model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


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
