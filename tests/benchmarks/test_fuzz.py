"""A small campaign on every reader; and that the campaign finds what it is for."""

import json
import signal
import time
from types import SimpleNamespace

import pytest

from benchmarks import fuzz, fuzz_atheris
from benchmarks.fuzz_readers import Reader, readers
from causal_tasks.randomness import generator

# As many as take some seconds together.
INPUTS = {"premise": 400, "hypothesis": 400, "item": 300, "overrides": 6}


@pytest.fixture
def stopped_in_time():
    before = signal.signal(signal.SIGALRM, fuzz._stop)
    yield
    signal.signal(signal.SIGALRM, before)


def test_no_reader_fails_on_broken_inputs(tmp_path, stopped_in_time):
    found = [
        fuzz.try_reader(reader, INPUTS.get(reader.name, 2 if "tables" in reader.name else 40), seed=7)
        for reader in readers(tmp_path)
    ]
    assert [row["failures"] for row in found if row["failures"]] == []
    assert sum(row["accepted"] for row in found) > 100 and sum(row["refused"] for row in found) > 500


def test_what_fails_or_hangs_is_found_and_listed(stopped_in_time):
    def read(number: int) -> bool:
        if number == 3:
            raise KeyError("label")
        if number == 4:
            time.sleep(60)
        if number == 5:
            raise ValueError("documented")
        return True

    reader = Reader("digits", 1.0, lambda rng: rng.randrange(6), read, (ValueError,))
    drawn = [generator("fuzz", 0, "digits", i).randrange(6) for i in range(40)]
    found = fuzz.try_reader(reader, 40, seed=0, limit=0.01)
    assert found["failed"] == drawn.count(3) and found["too_long"] == drawn.count(4)
    assert found["refused"] == drawn.count(5) and found["accepted"] == sum(number < 3 for number in drawn)
    assert len(found["failures"]) == fuzz.EXAMPLES
    assert {"input": drawn.index(3), "error": "KeyError: \"'label'\""} in found["failures"]
    text = fuzz.markdown({"readers": [found], "limit_seconds": 0.01, "seed": 0})
    assert f"- digits:{drawn.index(3)}: KeyError" in text


def test_bad_arguments_are_refused(capsys):
    for bad in (["inputs=0"], ["only=premise"], ["size=3"]):
        assert fuzz.main(bad) == 2
    assert "only= is READER:INPUT" in capsys.readouterr().err


def test_atheris_ends_are_told_apart(monkeypatch, capsys, tmp_path):
    """Its wheel is for some versions of Python only; what it says at the end is as libFuzzer says it."""
    ends = iter(
        [
            SimpleNamespace(
                returncode=0, stdout="", stderr="cov: 17\n#9 cov: 18\nstat::number_of_executed_units: 900\n"
            ),
            SimpleNamespace(returncode=77, stdout="KeyError: 'label'", stderr="stat::number_of_executed_units: 3\n"),
            SimpleNamespace(returncode=1, stdout="", stderr="ImportError: no such module"),
        ]
    )
    packages = SimpleNamespace(find_spec=lambda name: None)
    monkeypatch.setattr(fuzz_atheris, "importlib", SimpleNamespace(util=packages))
    assert fuzz_atheris.main([f"out={tmp_path}"]) == 2 and "pip install atheris" in capsys.readouterr().err
    packages.find_spec = lambda name: "here"
    monkeypatch.setattr(fuzz_atheris, "subprocess", SimpleNamespace(run=lambda *_, **settings: next(ends)))
    assert fuzz_atheris.main(["seconds=3", f"out={tmp_path}"]) == 1
    rows = json.loads((tmp_path / "fuzz_atheris.json").read_text())["readers"]
    assert [(row["inputs"], row["branches"], row["failure"] is None) for row in rows] == [
        (900, 18, True),
        (3, 0, False),
        (0, 0, False),
    ]
    assert "| all | 903 | | 2 | 3 |" in capsys.readouterr().out
