"""The ways of making items. Each is a file of this folder with an object CONSTRUCTION, and is found there by itself.

A new one needs that file and a yaml in conf/suite/ that names its splits (docs/extending.md).
"""

import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Protocol

from causal_tasks.items import Item
from causal_tasks.spec import Spec


class Construction(Protocol):
    """How the items of some splits are made.

    Args:
        protocol: the one that its splits belong to.
        questions: which `Spec.questions` it makes.
        splits: task -> split -> what it holds, a phrase for dataset cards. No other construction of the same protocol and
            questions has a split of these names.
        whole: whether its last item is left out rather than cut where it would hold too many questions.
    """

    protocol: str
    questions: str
    splits: Mapping[str, Mapping[str, str]]
    whole: bool

    def check(self, spec: Spec) -> None:
        """Raise ValueError for what this construction cannot make of its splits; one line."""

    def item(self, spec: Spec, index: int) -> Item:
        """Item `index` >= 0 of a spec that was checked; its id is `spec.item_id(index)`, and it depends on that and K alone."""


def constructions() -> tuple[Construction, ...]:
    """All there are, those with the most splits first."""
    return _found(tuple(__path__))


@lru_cache
def _found(folders: tuple[str, ...]) -> tuple[Construction, ...]:
    found, taken = [], {}
    for module in sorted(module.name for module in pkgutil.iter_modules(folders)):
        construction = import_module(f"{__name__}.{module}").CONSTRUCTION
        for task, splits in construction.splits.items():
            for split in splits:
                place = construction.questions, construction.protocol, task, split
                if place in taken:
                    raise ValueError(f"{module} and {taken[place]} both construct {'/'.join(place)}")
                taken[place] = module
        found.append(construction)
    return tuple(sorted(found, key=lambda construction: -sum(map(len, construction.splits.values()))))
