"""LoRA adapters: putting them on, their dropout, their size, and merging them as the release did."""

from functools import partial
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from torch import Tensor, nn

from models.adapter_config import read_adapter_config
from models.errors import ModelError
from models.quantization import dense, on_nf4_grid
from records.checkpoints import ADAPTER_WEIGHTS

_RANDOM_BITS = 16


class Dropout(nn.Module):
    """A mask of what is kept, from 16 random bits a number: the generator's 64 at once, five times as fast on a CPU.

    p is met to 2⁻¹⁶; what is kept is to be multiplied by ``scale``, so that the mean is exact.
    """

    def __init__(self, p: float):
        super().__init__()
        self.dropped = round(p * 2**_RANDOM_BITS)
        self.scale = 1 / (1 - self.dropped / 2**_RANDOM_BITS)

    def forward(self, values: Tensor) -> Tensor:
        """BoolTensor of the shape of ``values``, also in evaluation; the layer asks only while it is trained."""
        words = torch.empty(-(-values.numel() // 4), dtype=torch.int64, device=values.device).random_(-(2**63), None)
        bits = words.view(torch.int16)[: values.numel()].view(values.shape)
        return bits >= self.dropped - 2 ** (_RANDOM_BITS - 1)


class _LowRankUpdate(torch.autograd.Function):
    """base + scaling · (x ⊙ kept) Aᵀ Bᵀ, in place of ``base`` [..., out]; x [..., in], A [r, in], B [out, r].

    kept: BoolTensor of x's shape, or None.
    Adapters are trained in fp32, since bf16 would round small updates away, but computed with in the precision of x. One
    function instead of peft's chain of small ones: what is saved are casts, copies and Python.
    """

    @staticmethod
    def forward(ctx, base: Tensor, x: Tensor, kept: Tensor | None, a: Tensor, b: Tensor, scaling: float) -> Tensor:
        a, b = a.to(x.dtype), b.to(x.dtype)
        x = (x if kept is None else x * kept).flatten(0, -2)
        low = x @ a.T
        ctx.save_for_backward(x, kept, a, b, low)
        ctx.scaling = scaling
        ctx.mark_dirty(base)
        base.flatten(0, -2).addmm_(low, b.T, alpha=scaling)
        return base

    @staticmethod
    def backward(ctx, gradient: Tensor):
        x, kept, a, b, low = ctx.saved_tensors
        flat = gradient.flatten(0, -2)
        towards = (flat @ b).mul_(ctx.scaling)
        of_x = None
        if ctx.needs_input_grad[1]:
            of_x = (towards @ a).view(*gradient.shape[:-1], a.shape[1])
            of_x = of_x if kept is None else of_x.mul_(kept)
        return gradient, of_x, None, (towards.T @ x).float(), (flat.T @ low).mul_(ctx.scaling).float(), None


def _forward(layer: LoraLayer, x: Tensor) -> Tensor:
    """What peft's layer computes with its one active adapter."""
    (name,) = layer.active_adapters
    kept, scaling, dropout = None, layer.scaling[name], layer.lora_dropout[name]
    if layer.training and isinstance(dropout, Dropout):
        kept, scaling = dropout(x), scaling * dropout.scale
    return _LowRankUpdate.apply(
        layer.base_layer(x), x, kept, layer.lora_A[name].weight, layer.lora_B[name].weight, scaling
    )


def _fuse(adapted: PeftModel) -> PeftModel:
    for _, layer in lora_layers(adapted):
        layer.forward = partial(_forward, layer)
        for name, dropout in layer.lora_dropout.items():
            if isinstance(dropout, nn.Dropout):
                layer.lora_dropout[name] = Dropout(dropout.p)
    return adapted


def add_adapters(language_model: nn.Module, lora) -> PeftModel:
    """Fresh, trainable adapters on the decoder. lora: the config node (rank, alpha, dropout, target_modules)."""
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_in_the_decoder(language_model, list(lora.target_modules)),
        task_type="CAUSAL_LM",
    )
    return _fuse(get_peft_model(language_model, config))


def _in_the_decoder(language_model: nn.Module, names: list[str]) -> list[str]:
    """The names, or, where a tower that reads images has layers of these names, too, the full ones of the decoder's.

    Raises ModelError if the decoder has none of them.
    """
    decoder = set(language_model.get_decoder().modules())
    layers = [(name, layer) for name, layer in language_model.named_modules() if name.rpartition(".")[2] in names]
    inside = [name for name, layer in layers if layer in decoder]
    if not inside:
        raise ModelError(f"lora.target_modules=[{','.join(names)}]: the model has no such layers; choose another model")
    return names if len(inside) == len(layers) else inside


def load_adapters(language_model: nn.Module, folder: Path) -> PeftModel:
    """The adapters saved in a folder, for inference. Raises ModelError for settings that are not a plain LoRA's, and for weights
    that cannot be read."""
    config = read_adapter_config(folder)
    try:
        return _fuse(PeftModel.from_pretrained(language_model, str(folder), config=config))
    except SafetensorError as error:
        raise ModelError(f"{folder / ADAPTER_WEIGHTS}: cannot be read: {error}") from error


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
    left = []
    for _, layer in lora_layers(adapted):
        merged, size = _merged(layer, adapted.active_adapter, weights == "merged_4bit")
        left.append(size)
        layer.get_base_layer().weight.data = merged
    return adapted.unload(), _means(left)


@torch.no_grad()
def adapter_size(adapted: PeftModel) -> dict[str, float]:
    """relative_size, and the surviving_share of a merge into 4 bit, as ``put_weights`` gives them; nothing is merged.

    adapted: on a base that is in 4 bit.
    """
    return _means([_merged(layer, adapted.active_adapter, True, True)[1] for _, layer in lora_layers(adapted)])


def _merged(
    layer: LoraLayer, adapter: str, four_bit: bool, base_on_grid: bool = False
) -> tuple[Tensor, dict[str, float]]:
    """The layer's weight with its adapter in it, and what is left of the adapter."""
    base = dense(layer.get_base_layer().weight)
    change = layer.get_delta_weight(adapter).float()
    merged, unchanged = (base.float() + change).to(base.dtype), base
    if four_bit:
        merged, unchanged = on_nf4_grid(merged), base if base_on_grid else on_nf4_grid(base)
    size = float(change.std() / base.float().std())
    return merged, {"relative_size": size, "surviving_share": _share(merged.float() - unchanged.float(), change)}


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _share(left: Tensor, whole: Tensor) -> float:
    """The length of ``left`` along ``whole``, as a share of its length; 1 where there is nothing to lose."""
    size = float(whole.square().sum())
    return float((left * whole).sum()) / size if size else 1.0
