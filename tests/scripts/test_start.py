"""What only asks for help, or is refused, does not wait for torch, transformers and peft."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "peft", "wandb", "sklearn", "pandas")
RUN_AND_LIST = """
import runpy, sys
status = None
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as ended:
    status = ended.code
print("status:", status)
print("imported:", *sorted(sys.modules))
"""


def imported(*command, cwd) -> tuple[str, set[str]]:
    """(all that the script printed, the modules that it imported)."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = {[str(ROOT / command[0]), *command[1:]]!r}\n{RUN_AND_LIST}"
    ended = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    printed, modules = ended.stdout.rsplit("imported:", 1)
    return printed, set(modules.split())


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("train.py", "--help"), "python train.py resume=true"),
        (("evaluate.py", "--help"), "suite: adversarial"),
        (("sweep.py", "--help"), "task: dseparation, transitivity"),
        (("train.py", "protocol=wrong"), "error: protocol=wrong: must be one of released, corrected"),
        (("train.py", "training.batch_size=8", "training.accumulation=3"), "error: training.batch_size=8"),
        (("evaluate.py", "show=wrong"), "error: show=wrong"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_help_and_wrong_settings_import_nothing_heavy(command, says, tmp_path):
    printed, modules = imported(*command, cwd=tmp_path)
    assert says in printed
    assert not modules & set(HEAVY)
