"""How much work a step is, and how much the machine can do.

Counted are multiplications and additions, two a weight, in matrix products with weights; attention between tokens,
normalisation and everything elementwise are overhead. Of N tokens (padding left out), D weights in the decoder's linear
layers, LoRA adapters of rank r on layers in → out, P positions whose logits are needed, hidden width H and V words:

    training   N · (4 D + Σ 6 r (in + out)) + P · 4 H V - (N - P) · (4 D' + Σ' 6 r (in + out))
    scoring    N · (2 D + Σ 2 r (in + out)) - (N - P) · (2 D' + Σ' 2 r (in + out))

4 D: the base is frozen, so a step is the forward product and the gradient of its input, without that of the weight. An
adapter has all three. 4 H V: logits, and their gradient with respect to the hidden state. Scoring reads two logits. D', Σ':
what in the last layer only its output needs (models/last_layer.py), at positions of which no logits are.
"""

import time
from collections import Counter
from collections.abc import Callable

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.nn.functional import linear

from models.adapters import lora_layers
from models.answerer import Answerer
from models.last_layer import for_output
from models.packing import PackedBatch, text_targets

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
_WARM_UP = 2


def decoder_shapes(answerer: Answerer) -> Counter:
    """(out, in) of every linear layer of the base model's decoder → how many have it; the head is left out."""
    base = getattr(answerer.language_model, "get_base_model", lambda: answerer.language_model)()
    head = base.get_output_embeddings()
    layers = (
        module
        for name, module in base.named_modules()
        if isinstance(module, nn.Linear) and module is not head and "lora_" not in name
    )
    return Counter(tuple(layer.weight.shape) for layer in layers)


def adapter_weights(answerer: Answerer) -> int:
    """Σ r (in + out)."""
    return sum(_of_adapters(layer) for _, layer in lora_layers(answerer.language_model))


def _of_adapters(layer: LoraLayer) -> int:
    return sum(rank * (layer.in_features + layer.out_features) for rank in layer.r.values())


def decoder_weights(answerer: Answerer) -> int:
    return sum(out * width * count for (out, width), count in decoder_shapes(answerer).items())


def output_weights(answerer: Answerer) -> tuple[int, int]:
    """Weights of the last layer's linear layers that only its output needs, and of the adapters on them."""
    layers = for_output(answerer.decoder).values()
    adapters = sum(_of_adapters(layer) for layer in layers if isinstance(layer, LoraLayer))
    return sum(layer.in_features * layer.out_features for layer in layers), adapters


def tokens_in(batch: PackedBatch) -> int:
    """Tokens that have to be read: the common prefix once, padding never."""
    return len(batch.prefix) + int((batch.branch >= 0).sum())


def training_operations(answerer: Answerer, batch: PackedBatch, text: str | None) -> int:
    """Of one forward and backward pass. text: of the loss (``models.packing.text_targets``), None for the answers alone."""
    rows, slots = batch.asked.nonzero(as_tuple=True)
    places = batch.answer_places(rows, slots)
    if text is not None:
        places = torch.cat([places, text_targets(batch, text, answerer.prompt_format.header_length)[1]])
    tokens, read = tokens_in(batch), len(places.unique())
    words, width = answerer.head.weight.shape
    base, adapters = output_weights(answerer)
    everywhere = tokens * (4 * decoder_weights(answerer) + 6 * adapter_weights(answerer))
    return everywhere - (tokens - read) * (4 * base + 6 * adapters) + read * 4 * width * words


def scoring_operations(answerer: Answerer, tokens: int, questions: int) -> int:
    left_out = (tokens - questions) * sum(output_weights(answerer))
    return 2 * (tokens * (decoder_weights(answerer) + adapter_weights(answerer)) - left_out)


def peak(precision: str, size: int, repetitions: int = 5) -> float:
    """Operations a second of the fastest of several products of two square matrices of `size`, of half and of a quarter of it:
    caches decide which of them is the fastest."""
    reached = []
    for width in (size, size // 2, size // 4):
        left, right = (torch.randn(width, width).to(DTYPES[precision]) for _ in range(2))
        reached.append(2 * width**3 / _fastest(lambda left=left, right=right: left @ right, repetitions))
    return max(reached)


def layers_peak(answerer: Answerer, tokens: int, precision: str, repetitions: int = 5) -> float:
    """Operations a second of the decoder's own products, `tokens` rows through each shape of layer, nothing in between."""
    seconds, operations = 0.0, 0
    for (out, width), count in decoder_shapes(answerer).items():
        rows, weight = (torch.randn(n, width).to(DTYPES[precision]) for n in (tokens, out))
        seconds += count * _fastest(lambda rows=rows, weight=weight: linear(rows, weight), repetitions)
        operations += count * 2 * tokens * out * width
    return operations / seconds


@torch.inference_mode()
def _fastest(product: Callable[[], Tensor], repetitions: int) -> float:
    times = []
    for _ in range(repetitions + _WARM_UP):
        started = time.perf_counter()
        product()
        times.append(time.perf_counter() - started)
    return min(times[_WARM_UP:])
