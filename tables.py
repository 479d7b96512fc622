"""results/ → tables (CSV, Markdown, LaTeX) and figures (PNG); needs no torch and no network, takes seconds.

python tables.py                          read results/, write results/tables/ and results/figures/
python tables.py results=DIR out=DIR      read DIR, write DIR/tables/ and DIR/figures/ elsewhere
python tables.py readme=README.md         also put the summary table between the README's markers
python tables.py explain=TABLE:ROW:COLUMN where a number comes from: runs, seeds, commits, configs, fingerprints
"""

import sys
from pathlib import Path

from records.files import write_text
from reporting import write_all
from reporting.explain import explain
from reporting.results import ResultsError
from reporting.summary_table import into_readme


def main(arguments: list[str]) -> int:
    settings = {"results": "results", "out": None, "readme": None, "explain": None}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key not in settings or not equals or not value:
            print(
                f"tables.py: {argument!r} is not understood; allowed: results=DIR out=DIR readme=FILE "
                "explain=TABLE:ROW:COLUMN",
                file=sys.stderr,
            )
            return 2
        settings[key] = value
    try:
        if settings["explain"]:
            print(explain(settings["results"], settings["explain"]))
            return 0
        summary = write_all(settings["results"], settings["out"])
        if settings["readme"]:
            readme = Path(settings["readme"])
            write_text(readme, into_readme(readme.read_text(encoding="utf-8"), summary.main))
    except (ResultsError, OSError, ValueError) as error:
        print(f"tables.py: {error}", file=sys.stderr)
        return 1
    print(summary)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
