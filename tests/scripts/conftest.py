"""Run the scripts as a user would, but in this process: importing torch for each would take longer than the work."""

import contextlib
import io
import os
import runpy
import sys
import traceback
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(path, *arguments, cwd, expect=0):
    """Run ``python path arguments`` with working directory ``cwd``; return what it printed.

    path: a script of the repository ("train.py"), or a module ("causal_tasks.export").
    expect: the exit status that it must have; a message given to sys.exit is printed, as Python does.
    """
    printed = io.StringIO()
    before, argv = os.getcwd(), sys.argv
    sys.argv = [str(ROOT / path), *map(str, arguments)]
    os.chdir(cwd)
    status = 0
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            if path.endswith(".py"):
                runpy.run_path(str(ROOT / path), run_name="__main__")
            else:
                runpy.run_module(path, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code or 0
        if isinstance(status, str):
            printed.write(status + "\n")
            status = 1
    except Exception:  # as Python ends: a traceback and status 1
        printed.write(traceback.format_exc())
        status = 1
    finally:
        os.chdir(before)
        sys.argv = argv
    output = printed.getvalue()
    assert status == expect, output[-4000:]
    return output


@pytest.fixture(scope="session")
def run_script():
    """The function that runs a script. Unpacked weights lie with the repository, wherever it runs."""
    os.environ.setdefault("CAUSAL_CACHE", str(ROOT / ".cache"))
    os.environ.pop("HYDRA_FULL_ERROR", None)  # with it, Hydra raises where users see one line
    return _run
