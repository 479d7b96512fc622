"""Write a split as JSON lines.

    python -m causal_tasks.export task=transitivity protocol=corrected split=length n=10000 seed=0 out=length.jsonl

task=transitivity|dseparation  protocol=released|corrected  split=train|validation|in_distribution|length|branching|
reversed|shuffled|long_names  n=questions  seed=0  questions_per_graph=1  out=FILE.
The same arguments write the same bytes.
"""

import sys

from causal_tasks.files import write_jsonl
from causal_tasks.suites import build

_REQUIRED = ("task", "protocol", "split", "n", "out")
_DEFAULTS = {"seed": "0", "questions_per_graph": "1"}


def main(arguments: list[str]) -> int:
    try:
        settings = _read(arguments)
        items = build(
            settings["task"],
            settings["protocol"],
            settings["split"],
            _whole(settings, "n"),
            _whole(settings, "seed"),
            _whole(settings, "questions_per_graph"),
        )
        written = write_jsonl(items, settings["out"])
    except (ValueError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    print(f"{written} questions on {len(items)} graphs written to {settings['out']}")
    return 0


def _read(arguments: list[str]) -> dict[str, str]:
    """key=value arguments; unknown, repeated and missing keys are refused."""
    allowed = (*_REQUIRED, *_DEFAULTS)
    given: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in allowed:
            raise ValueError(f"unknown argument {argument!r}; allowed: {', '.join(f'{key}=' for key in allowed)}")
        if key in given:
            raise ValueError(f"{key}= is given twice")
        given[key] = value
    if missing := [key for key in _REQUIRED if not given.get(key)]:
        raise ValueError(f"missing {missing[0]}=; usage:\n{__doc__}")
    return _DEFAULTS | given


def _whole(settings: dict[str, str], key: str) -> int:
    try:
        return int(settings[key])
    except ValueError:
        raise ValueError(f"{key}= is a whole number, not {settings[key]!r}") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
