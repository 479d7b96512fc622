"""results/ → tables (CSV, Markdown, LaTeX) and figures (PNG); needs no torch and no network, takes seconds.

python tables.py                          read results/, write results/tables/ and results/figures/
python tables.py results=DIR out=DIR      read DIR, write DIR/tables/ and DIR/figures/ elsewhere
python tables.py readme=README.md         also put the summary table between the README's markers
python tables.py explain=TABLE:ROW:COLUMN where a number comes from: runs, seeds, commits, configs, fingerprints
"""

import sys
from pathlib import Path

from causal_tasks.command_line import read_settings
from records.files import write_text
from reporting import write_all
from reporting.explain import explain
from reporting.results import ResultsError
from reporting.summary_table import into_readme


def main(arguments: list[str]) -> int:
    try:
        settings = read_settings(arguments, {"results": "results", "out": "", "readme": "", "explain": ""})
    except ValueError as error:
        print(f"tables.py: {error}", file=sys.stderr)
        return 2
    try:
        if settings["explain"]:
            print(explain(settings["results"], settings["explain"]))
            return 0
        summary = write_all(settings["results"], settings["out"] or None)
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
