"""LoRA adapters: putting them on, their dropout, their size, and merging them as the release did."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from models.quantization import on_nf4_grid

_RANDOM_BITS = 16


class Dropout(nn.Module):
    """Dropout with masks from 16 random bits a number: the generator's 64 at once, five times as fast on a CPU.

    p is met to 2⁻¹⁶; what is kept is scaled by the very share that is kept, so that the mean is exact.
    """

    def __init__(self, p: float):
        super().__init__()
        self.dropped = round(p * 2**_RANDOM_BITS)
        self.scale = 1 / (1 - self.dropped / 2**_RANDOM_BITS)

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or not self.dropped:
            return values
        words = torch.empty(-(-values.numel() // 4), dtype=torch.int64, device=values.device).random_(-(2**63), None)
        bits = words.view(torch.int16)[: values.numel()].view(values.shape)
        kept = (bits >= self.dropped - 2 ** (_RANDOM_BITS - 1)).to(values.dtype)
        return values * kept.mul_(self.scale)


def add_adapters(language_model: nn.Module, lora) -> PeftModel:
    """Fresh, trainable adapters. lora: the config node (rank, alpha, dropout, target_modules)."""
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules),
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(language_model, config)
    for _, layer in lora_layers(adapted):
        for name, dropout in layer.lora_dropout.items():
            if isinstance(dropout, nn.Dropout):
                layer.lora_dropout[name] = Dropout(dropout.p)
    return adapted


def lora_layers(language_model: nn.Module) -> list[tuple[str, LoraLayer]]:
    """The layers that carry an adapter, with their names."""
    return [(name, module) for name, module in language_model.named_modules() if isinstance(module, LoraLayer)]


@torch.no_grad()
def put_weights(adapted: PeftModel, weights: str) -> tuple[nn.Module, dict | None]:
    """The language model to be scored with one of ``scoring.ways.WEIGHTS``, and what the merge left of the adapter.

    adapted: on a base of dense weights (``quantization: none`` or ``nf4``).
    Returns None for ``adapter`` and ``empty``, else the means over modules of
        relative_size: std(ΔW) / std(W), ΔW the adapter's product, W the base weight.
        surviving_share: <merged(W + ΔW) - merged(W), ΔW> / <ΔW, ΔW>, the share of ΔW along its own direction that is
            left; 1 if nothing is lost, 0 if all of it is rounded away.
    """
    if weights == "adapter":
        return adapted, None
    if weights == "empty":
        return adapted.unload(), None
    sizes, shares = [], []
    for _, layer in lora_layers(adapted):
        base = layer.get_base_layer().weight
        change = layer.get_delta_weight(adapted.active_adapter).float()
        merged, unchanged = (base.float() + change).to(base.dtype), base
        if weights == "merged_4bit":
            merged, unchanged = on_nf4_grid(merged), on_nf4_grid(base)
        sizes.append(float(change.std() / base.float().std()))
        shares.append(_share(merged.float() - unchanged.float(), change))
        base.data = merged
    return adapted.unload(), {"relative_size": sum(sizes) / len(sizes), "surviving_share": sum(shares) / len(shares)}


def _share(left: Tensor, whole: Tensor) -> float:
    """The length of ``left`` along ``whole``, as a share of its length; 1 where there is nothing to lose."""
    size = float(whole.square().sum())
    return float((left * whole).sum()) / size if size else 1.0
