"""What only asks for help, or is refused, does not wait for torch, transformers and peft."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "peft", "wandb", "sklearn", "pandas")
COMMANDS = {
    ("train.py", "--help"): "python train.py resume=true",
    ("evaluate.py", "--help"): "suite: adversarial",
    ("sweep.py", "--help"): "task: dseparation, transitivity",
    ("train.py", "protocol=wrong"): "error: protocol=wrong: must be one of released, corrected",
    ("train.py", "training.batch_size=8", "training.accumulation=3"): "error: training.batch_size=8",
    ("evaluate.py", "show=wrong"): "error: show=wrong",
}
# In a new process, which has imported nothing yet: all commands, and after each what is imported by then.
RUN_AND_LIST = """
import json, runpy, sys
root, heavy, *commands = json.loads(sys.argv[1])
sys.path.insert(0, root)
for script, *arguments in commands:
    sys.argv = [f"{root}/{script}", *arguments]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        print(ended.code)
    print("imported:", *sorted(sys.modules.keys() & set(heavy)))
    print("end of command")
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Command → all that it printed, and what is imported then."""
    given = json.dumps([str(ROOT), HEAVY, *COMMANDS])
    command = [sys.executable, "-c", RUN_AND_LIST, given]
    done = subprocess.run(command, cwd=tmp_path_factory.mktemp("start"), capture_output=True, text=True, check=True)
    *printed, rest = done.stdout.split("end of command\n")
    assert not rest
    return dict(zip(COMMANDS, printed, strict=True))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_and_wrong_settings_import_nothing_heavy(command, ended):
    assert COMMANDS[command] in ended[command]
    assert ended[command].endswith("imported:\n")
