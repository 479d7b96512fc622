"""The search for a learning rate runs, looks at validation alone, and leaves no run behind."""

import json

import pytest

from benchmarks.short_learning_rate import main


def test_every_rate_is_measured_and_written(tmp_path, monkeypatch):
    assert main(["model=tiny", "samples=32", "rates=1e-4,1e-3", f"out={tmp_path}"]) == 0
    result = json.loads((tmp_path / "short_learning_rate_tiny.json").read_text())
    assert [row["learning_rate"] for row in result["rows"]] == [1e-4, 1e-3]
    assert all(0 <= row["auroc"] <= 1 and row["n"] == 128 for row in result["rows"])
    assert "| 1e-04 |" in (tmp_path / "short_learning_rate_tiny.md").read_text()


def test_a_rate_that_is_none_is_refused(capsys):
    assert main(["rates=fast"]) == 2
    assert "fast" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Hydra's own settings of this process stay as they were."""
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()
