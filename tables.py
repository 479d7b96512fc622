"""Runs → tables (CSV, Markdown) and figures (PNG); needs no torch and no network: seconds for a few runs, half a minute for results/.

python tables.py                             of the committed record: results/ → results/tables/, results/figures/
python tables.py results=outputs             of your own runs: outputs/ → outputs/tables/, outputs/figures/
python tables.py results=DIR out=ELSEWHERE   write to another place
python tables.py tex=true                    each table also as LaTeX
python tables.py readme=README.md            also put the summary table between the README's markers
python tables.py explain=TABLE:ROW:COLUMN    where a number comes from: runs, seeds, commits, configs, fingerprints
"""

import sys
from pathlib import Path

from input_output.command_line import flag, read_settings
from input_output.writing import write_text
from reporting import write_all
from reporting.explain import explain
from reporting.results import results_folder
from reporting.run_files import ResultsError
from reporting.summary_table import into_readme

DEFAULTS = {"results": "results", "out": "", "tex": "false", "readme": "", "explain": ""}


def main(arguments: list[str]) -> int:
    if arguments in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    try:
        settings = read_settings(arguments, DEFAULTS)
        tex = flag(settings, "tex")
    except ValueError as error:
        print(f"tables.py: {error}", file=sys.stderr)
        return 2
    try:
        if settings["explain"]:
            print(explain(settings["results"], settings["explain"]))
            return 0
        if not (results_folder(settings["results"]) / "runs").is_dir():
            raise ResultsError(
                f"results={settings['results']}: no runs/ in it; give the folder that a sweep wrote, as outputs"
            )
        summary = write_all(settings["results"], settings["out"] or None, tex)
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
