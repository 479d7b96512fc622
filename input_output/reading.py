"""Text and JSON that others may have written: whatever is wrong with them is one line that names file, line and reason.

It imports nothing heavy.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

from input_output.errors import UserError

# LibYAML's, ten times as fast, where PyYAML was built with it.
YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 50  # levels of a YAML file
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
_KINDS |= dict.fromkeys((int, float), "a number")
# A name that may become a folder, or a part of a file's name: it leads to no other place.
PLAIN_NAME = re.compile(r"\w[\w.,+=@-]*")


class FileFormatError(UserError, ValueError):
    """A file that does not hold what it should; the message is `file:line: reason`, or `file: reason`."""


def read_text(path: str | Path) -> str:
    """A UTF-8 file, with or without a byte order mark.

    Raises:
        FileFormatError: it cannot be opened, or is not UTF-8; the line is named.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileFormatError(f"{path}:{line}: not UTF-8: {error.reason} 0x{content[error.start]:02x}") from error


def parse_json(text: str, path: str | Path, line: int = 1):
    """The value of one JSON text that begins on this line of the file.

    Raises:
        FileFormatError: not JSON, nested too deeply, a number of thousands of digits, a key that is given twice (of
            which Python would keep the last), or half a surrogate pair, which no file can hold as text.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line += error.lineno - 1
        reason = f"not JSON: {error.msg} at character {error.colno}"
    except UnicodeEncodeError as error:
        reason = f"half a surrogate pair, \\u{ord(error.object[error.start]):04x}, is not text"
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:  # a key twice, or Python's limit of digits
        reason = str(error).split(";")[0]
    else:
        return value
    raise FileFormatError(f"{path}:{line}: {reason}")


def read_json(path: str | Path):
    """The JSON value that a file holds. Raises FileFormatError as `read_text` and `parse_json`."""
    return parse_json(read_text(path), path)


def read_object(path: str | Path, *needed: str) -> dict:
    """The JSON object that a file holds. Raises FileFormatError as `read_json`, and if it is none or lacks a key."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise FileFormatError(f"{path}: holds {kind(value)}; expected one JSON object")
    if missing := [name for name in needed if name not in value]:
        raise FileFormatError(f"{path}: lacks {', '.join(missing)}")
    return value


def read_yaml(path: str | Path):
    """The plain value that a YAML file holds.

    Raises:
        FileFormatError: as `read_text`; not YAML, nested too deeply (for which LibYAML has no error: it would end the
            process), or an alias, which no config of a run has and which can make a value endless.
    """
    text = read_text(path)
    try:
        depth = 0
        for event in yaml.parse(text, YAML):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
                what = "an alias" if depth <= DEEPEST else "nested too deeply"
                raise FileFormatError(f"{path}:{event.start_mark.line + 1}: not YAML that a run writes: {what}")
        return yaml.load(text, YAML)
    except FileFormatError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{path}: not YAML ({' '.join(str(error).split())})") from error


def json_lines(path: str | Path, text: str | None = None) -> Iterator[tuple[int, object]]:
    """(line number from 1, value) of every line that is not blank.

    Only a line feed, a carriage return or both end a line: the line separator U+2028 may stand in a JSON text.

    Args:
        text: what the file holds, where it was already read.

    Raises:
        FileFormatError: as `read_text` and `parse_json`.
    """
    text = read_text(path) if text is None else text
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip(" \t\n"):
            yield number, parse_json(line.rstrip("\n"), path, number)


def kind(value: object) -> str:
    """What a JSON value is, in words; of anything else, the name of its type."""
    return _KINDS.get(type(value), type(value).__name__)


def shortened(value: object, most: int = 100) -> str:
    """`repr`, cut to about `most` characters: a message quotes what is wrong, not a whole file."""
    text = repr(value[: most + 1] if isinstance(value, str) else value)
    return text if len(text) <= most + 2 else f"{text[:most]}…"


def _object(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"key {shortened(name)} is given twice")
    return found
