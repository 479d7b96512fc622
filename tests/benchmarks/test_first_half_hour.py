"""The transcript leaves out no command of the README unsaid, shows no path, and notices a changed file."""

import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.first_half_hour import HEAD, LEFT_OUT, PARTS, TAIL, Harm, changed_files, run, shown

ROOT = Path(__file__).parents[2]


def test_every_command_of_the_readme_is_run_or_said_to_be_left_out():
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    commands = {line.split(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()}
    run_here = {command for _, part in PARTS for command, _ in part}
    assert commands <= run_here | LEFT_OUT.keys()


def test_an_output_is_shown_without_its_middle_and_the_clones_path(tmp_path):
    printed = f"{tmp_path}/losses/a.py\n 10%|# |\r100%|##|\n 20%|##|\rdone\n" + "x\n" * 100
    lines = shown(printed, tmp_path).splitlines()
    assert lines[:2] == ["losses/a.py", "done"] and len(lines) == HEAD + 1 + TAIL
    assert lines[HEAD] == f"… {102 - HEAD - TAIL} lines …"


def test_a_changed_file_is_noticed_and_so_is_another_exit_status(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "kept").write_text("one")
    subprocess.run([*git, "add", "kept"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=one"], check=True)
    (tmp_path / "new").write_text("")
    assert changed_files(tmp_path) == []
    (tmp_path / "kept").write_text("two")
    assert changed_files(tmp_path) == [" M kept"]
    assert run("git status --short", 0, tmp_path)[0] == " M kept\n?? new\n"
    with pytest.raises(Harm, match="exit status 0, not 1"):
        run("git status --short", 1, tmp_path)
