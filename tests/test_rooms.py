"""Which room may import which: scripts, then training, scoring and records, then losses and schedulers, then causal_tasks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")}
SCRIPTS = {path.stem for path in ROOT.glob("*.py")}
# Room → whatever of this project it may import besides itself.
ALLOWED = {
    "input_output": set(),
    "causal_tasks": {"input_output"},
    "schedulers": {"input_output"},
    "losses": {"causal_tasks", "input_output", "schedulers"},
    "records": {"causal_tasks", "input_output"},
    "models": {"causal_tasks", "input_output", "records"},
}
HEAVY = {
    "causal_tasks": {"torch", "transformers", "wandb", "hydra"},
    "input_output": {"torch", "pandas", "transformers"},
}
HEAVY |= {key: {"wandb", "hydra", "transformers"} for key in ("losses", "schedulers")}


def imported(path: Path) -> set[str]:
    """First names of the modules that a file imports when it runs, but for those that only type checkers import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_no_script_and_what_lies_below_it_alone(room):
    for path in sorted((ROOT / room).rglob("*.py")):
        found = imported(path)
        own = found & (ROOMS | SCRIPTS) - {room}
        assert not own & SCRIPTS, f"{path} imports a script"
        assert own <= ALLOWED.get(room, ROOMS - {"benchmarks"}), f"{path} imports {own}"
        assert not found & HEAVY.get(room, set()), f"{path} imports {found & HEAVY[room]}"


def test_an_import_for_type_checkers_alone_is_not_counted(tmp_path):
    path = tmp_path / "one.py"
    path.write_text("import os.path\nif TYPE_CHECKING:\n    import pandas\nfrom train import run\n")
    assert imported(path) == {"os", "train"}
