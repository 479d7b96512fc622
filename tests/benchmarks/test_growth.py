import json

import pytest

from benchmarks import growth


def test_the_figure_and_its_exponents(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(growth, "GRAPHS", 1)
    monkeypatch.setattr(growth, "MOST_QUESTIONS", 4)
    assert growth.main(["model=tiny", "most=16", "longest=64", "repetitions=1", f"out={tmp_path}"]) == 0
    result = json.loads((tmp_path / "growth.json").read_text())
    assert [(row["grows"], row["sizes"]) for row in result["rows"]][:3] == [
        ("prompts", [8, 16]),
        ("length", [32, 64]),
        ("questions", [1, 2, 4]),
    ]
    assert (tmp_path / "growth.png").stat().st_size > 10_000
    text = (tmp_path / "growth.md").read_text()
    assert (
        text.count("| tiny |") == 4
        and text in capsys.readouterr().out
        and str(tmp_path) not in text + json.dumps(result)
    )


def test_the_exponent_of_a_power_law():
    assert growth.exponent([1, 2, 4, 8], [3, 12, 48, 192]) == pytest.approx(2)
    assert growth.exponent([1, 2, 4], [3, 2, 3]) is None
    assert growth.doubling(8, 100) == [8, 16, 32, 64]


def test_bad_settings_are_one_clear_line(capsys):
    assert growth.main(["most=8"]) == 2
    assert capsys.readouterr().err == "growth: most= is a whole number from 16\n"
    assert growth.main(["model=tiny,gpt"]) == 2
