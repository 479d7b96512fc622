"""A report: measured once by a command `python -m ROOM.NAME key=value ...`, written as JSON and as Markdown."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from input_output.command_line import read_settings, whole
from input_output.errors import SettingsError, UserError
from input_output.writing import write_json, write_text
from records.provenance import provenance

# Settings that name places on a machine: reports leave them out.
PLACES = ("out", "lm_eval", "trl")


def report_command(
    module: str,
    arguments: Sequence[str],
    defaults: Mapping[str, str],
    make: Callable[[dict], dict | None],
    text_of: Callable[[dict], str],
    numbers: Mapping[str, int] | None = None,
    required: Sequence[str] = (),
    usage: str = "",
    file: str = "",
) -> int:
    """Make a report of the settings, write it to OUT/NAME.json and OUT/NAME.md, print it; the exit status, 2 if refused.

    Args:
        module: ROOM.NAME. defaults: has `out`, a folder. required, usage: as for ``read_settings``.
        make: settings → what was measured; None if it was skipped, and then nothing is written. Raises UserError where
            the settings or what they name are wrong.
        text_of: the report, which also has the settings and its provenance → Markdown.
        numbers: settings that are whole numbers → the least that each may be.
        file: the file's name without its ending, {KEY} for a setting; by default NAME.
    """
    name = module.rpartition(".")[2]
    try:
        settings = read_settings(arguments, defaults, required, usage)
        for key, least in (numbers or {}).items():
            settings[key] = whole(settings, key)
            if settings[key] < least:
                raise SettingsError(f"{key}= is a whole number from {least}")
        found = make(settings)
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    if found is None:
        return 0
    shown = {key: value for key, value in settings.items() if key not in PLACES}
    given = [f"{key}={value}" for key, value in shown.items() if str(value) != defaults.get(key)]
    made = provenance() | {"command": " ".join([f"python -m {module}", *given])}
    report = {"settings": shown, **found, "provenance": made}
    text = text_of(report)
    write_report(Path(settings["out"]) / (file or name).format(**settings), report, text)
    print(text)
    return 0


def write_report(path: str | Path, report: dict, text: str) -> None:
    """Write PATH.json and PATH.md."""
    write_json(f"{path}.json", report)
    write_text(f"{path}.md", text)
