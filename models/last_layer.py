"""The last layer of a decoder, of whose output few columns are read: of the others it needs keys and values alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

# What a decoder layer computes from each column for its own output, by transformers' names. The keys and values that other
# columns attend to are not among it. An architecture with other names computes all of it everywhere.
_FOR_OUTPUT = ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def for_output(decoder: nn.Module) -> dict[str, nn.Module]:
    """Name → linear layer of the decoder's last layer that only its output needs."""
    layers = getattr(decoder, "layers", None)
    return {name: module for name, module in layers[-1].named_modules() if name in _FOR_OUTPUT} if layers else {}


@contextmanager
def read_at(decoder: nn.Module, places: Tensor, shape: tuple[int, int]) -> Iterator[None]:
    """Within it the decoder's last hidden states are right at ``places`` alone, and cheaper by most of a layer.

    places: LongTensor [n], distinct, in the columns of all rows one after the other. shape: (rows, columns) of the pass.
    """

    def choose(module: nn.Module, arguments: tuple[Tensor]) -> tuple[Tensor]:
        return (arguments[0].flatten(0, 1).index_select(0, places)[None],)

    def put_back(module: nn.Module, arguments: tuple[Tensor], output: Tensor) -> Tensor:
        everywhere = output.new_zeros(shape[0] * shape[1], output.shape[-1])
        return everywhere.index_copy(0, places, output[0]).view(*shape, -1)

    hooks = []
    try:
        for module in for_output(decoder).values():
            hooks += [module.register_forward_pre_hook(choose), module.register_forward_hook(put_back)]
        yield
    finally:
        for hook in hooks:
            hook.remove()
