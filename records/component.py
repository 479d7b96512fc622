"""A loss or a lambda schedule as part of a run's record, and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """A loss or a lambda schedule: its class as configs name it, and its settings, those that are null left out.

    settings: (key, value) in order of the keys; a value that has keys is itself of this form.
    """

    target: str
    settings: tuple[tuple[str, object], ...] = ()

    @property
    def name(self) -> str:
        return self.target.rsplit(".", 1)[-1]

    def get(self, key: str):
        """The value of a setting, None if it is not set."""
        return dict(self.settings).get(key)

    def but(self, **settings) -> "Component":
        """The same with other settings; those that are None are left out."""
        changed = {key: value for key, value in (dict(self.settings) | settings).items() if value is not None}
        return Component(self.target, tuple(sorted(changed.items())))

    def differences(self, peers: "set[Component | None]") -> str:
        """The name alone where it tells all apart, the settings alone where the name is always the same."""
        if len({peer and peer.target for peer in peers}) == len(peers):
            return self.name
        same_name = all(peer is not None and peer.target == self.target for peer in peers)
        return differences(self.settings, {peer.settings for peer in peers}) if same_name else str(self)

    def __str__(self) -> str:
        """``Semantic(base=answer)``."""
        return f"{self.name}({', '.join(_assignments(self.settings))})" if self.settings else self.name


def nested(settings: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    """(key, value) by first component; where there are more, the value is of this form."""
    names = sorted({key.partition(".")[0] for key in settings})
    return tuple((name, settings[name] if name in settings else nested(take(dict(settings), name))) for name in names)


def take(settings: dict[str, object], group: str) -> dict[str, object]:
    """Remove the keys below ``group``; return them without it."""
    return {key.removeprefix(f"{group}."): settings.pop(key) for key in [*settings] if key.startswith(f"{group}.")}


def _is_setting(value: object) -> bool:
    """Whether it is a pair of `nested`, not another value that a list holds."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _assignments(settings: Sequence[tuple[str, object]]) -> list[str]:
    """``base=answer``, ``class_weights=(no=1, yes=7.5)``."""
    grouped = {key: isinstance(value, tuple) and all(map(_is_setting, value)) for key, value in settings}
    return [f"{k}=({', '.join(_assignments(v))})" if grouped[k] else f"{k}={v}" for k, v in settings]


def differences(settings: tuple, peers: set[tuple]) -> str:
    """``knowledge=axioms``: the settings that a peer has otherwise, or lacks."""
    told = [(key, value) for key, value in settings if any(dict(peer).get(key) != value for peer in peers)]
    return ", ".join(_assignments([(key.replace("_", " "), value) for key, value in told]))
