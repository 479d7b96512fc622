"""What the commands `python -m ROOM.*` share: key=value arguments."""

from collections.abc import Mapping, Sequence

from input_output.errors import SettingsError


def read_settings(
    arguments: Sequence[str], defaults: Mapping[str, str], required: Sequence[str] = (), usage: str = ""
) -> dict[str, str]:
    """key=value arguments over the defaults, the required keys first.

    Raises:
        SettingsError: an unknown, repeated, empty or missing key; one line, but for the usage behind a missing one.
    """
    allowed = (*required, *defaults)
    given: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in allowed:
            raise SettingsError(f"unknown argument {argument!r}; allowed: {', '.join(f'{key}=' for key in allowed)}")
        if key in given:
            raise SettingsError(f"{key}= is given twice")
        if not value and defaults.get(key):
            raise SettingsError(f"{key}= is empty; without it, it is {defaults[key]}")
        given[key] = value
    if missing := [key for key in required if not given.get(key)]:
        raise SettingsError(f"missing {missing[0]}=; usage:\n{usage}")
    settings = {**defaults, **given}
    return {key: settings[key] for key in allowed}


def whole(settings: Mapping[str, str], key: str) -> int:
    """The whole number that is given for `key`; SettingsError if it is none."""
    try:
        return int(settings[key])
    except ValueError:
        raise SettingsError(f"{key}= is a whole number, not {settings[key]!r}") from None


def flag(settings: Mapping[str, str], key: str) -> bool:
    """Whether `true` is given for `key`; SettingsError if it is neither that nor `false`."""
    if settings[key] not in ("true", "false"):
        raise SettingsError(f"{key}= is true or false, not {settings[key]!r}")
    return settings[key] == "true"


def decimals(settings: Mapping[str, str], key: str) -> list[float]:
    """The numbers, with commas between, that are given for `key`; SettingsError if one is none."""
    try:
        return [float(number) for number in settings[key].split(",")]
    except ValueError:
        raise SettingsError(f"{key}= are numbers with commas between, not {settings[key]!r}") from None
