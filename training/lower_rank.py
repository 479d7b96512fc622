"""A LoRA adapter cut to a lower rank: the nearest one of that rank, by singular values."""

from collections.abc import Mapping

import torch
from torch import Tensor


def lower_rank(weights: Mapping[str, Tensor], rank: int) -> tuple[dict[str, Tensor], float]:
    """The same names; of each pair A [r, in], B [out, r] the product BA as its best approximation of that rank (Eckart-Young).

    alpha / rank must stay what it was for the change of the model to be that product's.

    Returns:
        The pairs in fp32, and the share of the squared norm of all products that is kept, in 0..1.
    Raises:
        ValueError: rank is not in 1..r, or larger than a side of a matrix.
    """
    found, kept, whole = {}, 0.0, 0.0
    for name_a in [name for name in weights if ".lora_A." in name]:
        name_b = name_a.replace(".lora_A.", ".lora_B.")
        a, b = weights[name_a].double(), weights[name_b].double()
        most = min(*a.shape, *b.shape)
        if not 1 <= rank <= most:
            raise ValueError(f"rank={rank}: must be 1 to {most} for {name_a.removesuffix('.weight')}")
        # The product is as large as the layer; that of the two triangles has its singular values and is r by r.
        outer, of_b = torch.linalg.qr(b)
        inner, of_a = torch.linalg.qr(a.T)
        left, values, right = torch.linalg.svd(of_b @ of_a.T)
        root = values[:rank].sqrt()
        found[name_a] = (root[:, None] * right[:rank] @ inner.T).float().contiguous()
        found[name_b] = (outer @ left[:, :rank] * root).float().contiguous()
        kept += float(values[:rank].square().sum())
        whole += float(values.square().sum())
    return found, kept / whole if whole else 1.0
