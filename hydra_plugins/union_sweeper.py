"""A Hydra sweeper for grids that are not one product: the union of several.

It lies in `hydra_plugins`, the only package from which Hydra takes plugins; see conf/hydra/sweeper/union.yaml.
"""

from collections.abc import Mapping, Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override


class UnionSweeper(BasicSweeper):
    """Runs the cells of one part after the other, each part a product as in Hydra's own sweeper.

    parts: name → {key: comma-separated values}; a part of None is left out, so that the command line can drop one
        (hydra.sweeper.parts.NAME=null), and so is a key whose value is None.
    params: keys and values that all parts share.
    The command line overrides both, in every part.
    """

    def __init__(
        self,
        max_batch_size: int | None,
        params: Mapping[str, str] | None = None,
        parts: Mapping[str, Mapping[str, str | None] | None] | None = None,
    ):
        super().__init__(max_batch_size, params)
        self.parts = parts or {}

    def split_arguments(self, overrides: Sequence[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """Batches of cells, a cell being its overrides. `overrides`: those of `params` and the command line."""
        cells = union(self.parts, overrides)
        return list(self.split_overrides_to_chunks(cells, max_batch_size)) if cells else []


def union(parts: Mapping[str, Mapping[str, str | None] | None], overrides: Sequence[Override]) -> list[list[str]]:
    """The overrides of every cell, part by part; a cell that an override makes equal to an earlier one is left out."""
    parser = OverridesParser.create()
    cells: dict[frozenset[str], list[str]] = {}
    for part in parts.values():
        if part is None:
            continue
        own = [f"{key}={value}" for key, value in part.items() if value is not None]
        (product,) = BasicSweeper.split_arguments([*parser.parse_overrides(own), *overrides], None)
        for cell in product:
            cells.setdefault(frozenset(cell), cell)
    return list(cells.values())
