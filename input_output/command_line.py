"""What the commands `python -m ROOM.*` share: key=value arguments, and reports written twice."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from input_output.writing import write_json, write_text


def read_settings(
    arguments: Sequence[str], defaults: Mapping[str, str], required: Sequence[str] = (), usage: str = ""
) -> dict[str, str]:
    """key=value arguments over the defaults, the required keys first.

    Raises:
        ValueError: an unknown, repeated, empty or missing key; one line, but for the usage behind a missing one.
    """
    allowed = (*required, *defaults)
    given: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in allowed:
            raise ValueError(f"unknown argument {argument!r}; allowed: {', '.join(f'{key}=' for key in allowed)}")
        if key in given:
            raise ValueError(f"{key}= is given twice")
        if not value and defaults.get(key):
            raise ValueError(f"{key}= is empty; without it, it is {defaults[key]}")
        given[key] = value
    if missing := [key for key in required if not given.get(key)]:
        raise ValueError(f"missing {missing[0]}=; usage:\n{usage}")
    settings = {**defaults, **given}
    return {key: settings[key] for key in allowed}


def whole(settings: Mapping[str, str], key: str) -> int:
    """The whole number that is given for `key`; ValueError if it is none."""
    try:
        return int(settings[key])
    except ValueError:
        raise ValueError(f"{key}= is a whole number, not {settings[key]!r}") from None


def report_command(
    name: str,
    arguments: Sequence[str],
    defaults: Mapping[str, str],
    numbers: Sequence[str],
    make: Callable[..., object],
    text_of: Callable[[object], str],
) -> int:
    """What `python -m audits.NAME` does: write and print the report on its whole numbers; the exit status."""
    try:
        settings = read_settings(arguments, defaults)
        counts = [whole(settings, key) for key in numbers]
    except ValueError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    report = make(*counts)
    text = text_of(report)
    write_report(settings["out"], report, text)
    print(text)
    return 0


def write_report(out: str | Path, report: object, text: str) -> None:
    """Write OUT.json and OUT.md."""
    out = Path(out)
    write_json(out.with_suffix(".json"), report)
    write_text(out.with_suffix(".md"), text)
