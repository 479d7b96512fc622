import importlib
import json

import pytest

from benchmarks import all as benchmark
from benchmarks.measuring import comparison, comparison_table, paired


@pytest.fixture
def readme(tmp_path, monkeypatch):
    path = tmp_path / "README.md"
    of_goals = f"{benchmark.goals.BEGIN}\n{benchmark.goals.END}"
    path.write_text(f"before\n{benchmark.BEGIN}\nold\n{benchmark.END}\n{of_goals}\nafter\n")
    for module in (benchmark, benchmark.goals):
        monkeypatch.setattr(module, "README", path)
    monkeypatch.setitem(benchmark.DEFAULTS, "out", str(tmp_path))
    return path


def report(folder, name, model, **more):
    row = comparison("a case", "questions/s", [4.0, 6.0, 5.0], "a peer", [1.0, 2.0, 2.0], 0.5)
    machine = {"processor": "a processor", "cores": 2}
    found = {"machine": machine, "versions": {"torch": "2"}, "commit": "0123456789"}
    written = {"rows": [row], "loaded": {"precision": "fp32"}, "threads": 2, "provenance": found, **more}
    (folder / f"{name}_{model}.json").write_text(json.dumps(written))


def test_everything_runs_with_settings_that_it_knows_and_the_table_is_written(tmp_path, readme, monkeypatch):
    ran = []

    def run(name, settings):
        ran.append((name, settings))
        if name == "training_speed":
            report(
                tmp_path,
                name,
                "tiny",
                peaks={"bf16": 4e11},
                memory={"rows": 64, "width": 128, "step": 2**31, "head": 2**28},
            )
        return 0

    monkeypatch.setattr(benchmark, "run", run)
    assert benchmark.main(["model=tiny", "trl=python", f"out={tmp_path}"]) == 0
    assert [name for name, _ in ran] == [*benchmark.SIZES, "growth"]
    for name, settings in ran:
        known = importlib.import_module(f"benchmarks.{name}").DEFAULTS
        assert {setting.split("=")[0] for setting in settings} <= set(known)
    assert "trl=python" in dict(ran)["against_trl"] and "lm_eval=" in dict(ran)["scoring_speed"]
    text = readme.read_text()
    assert "| a case | 5 [4, 6] questions/s | a peer | 2 [1, 2] | 3 [2.5, 4] | 50% |" in text
    assert (
        "400 GFLOP/s in bf16" in text and "takes 2.00 GiB beyond the model; head and loss alone take 0.25 GiB" in text
    )
    assert "2 threads of a processor, 2 cores, torch 2, commit 0123456 (training_speed)." in text
    assert (
        "`python -m benchmarks.all`, tiny, took 0 minutes." in text and "old" not in text and text.endswith("after\n")
    )


def test_another_machine_has_a_page_of_its_own(tmp_path, readme, monkeypatch):
    other, before = tmp_path / "other", readme.read_text()
    other.mkdir()
    report(
        other,
        "scoring_speed",
        "gemma3_270m",
        peaks={"fp32": 8.5e10},
        verdicts={"released": {"flips": 0, "questions": 5}},
    )
    monkeypatch.setattr(benchmark, "run", lambda name, settings: 0)
    assert benchmark.main(["model=gemma3_270m", f"out={other}"]) == 0
    text = (other / "README.md").read_text()
    assert "### gemma3_270m" in text and "85 GFLOP/s in fp32" in text
    assert "| scoring in bf16, questions/s | ≥ 18 | – | not measured |" in text
    assert readme.read_text() == before


def test_a_model_that_is_not_installed_is_left_out(tmp_path, readme, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(
        benchmark,
        "run",
        lambda name, settings: ran.append((name, settings[0])) or 2 * (settings[0] == "model=gemma3_270m"),
    )
    assert benchmark.main([f"out={tmp_path}"]) == 1
    assert [name for name, model in ran if model == "model=gemma3_270m"] == ["released_way"]
    assert ran[-1] == ("growth", "model=smollm2_135m")
    assert "failed: released_way model=gemma3_270m" in capsys.readouterr().out


def test_bad_settings_are_one_clear_line(capsys):
    assert benchmark.main(["n=3"]) == 2
    assert capsys.readouterr().err.startswith("all: unknown argument 'n=3'")


def test_pairs_alternate_and_a_row_says_what_it_holds():
    order = []
    ways = {way: lambda pair, way=way: order.append((pair, way)) or pair + 1.0 for way in ("one", "other")}
    assert paired(ways, 2) == {"one": [1.0, 2.0], "other": [1.0, 2.0]}
    assert order == [(0, "one"), (0, "other"), (1, "other"), (1, "one")]
    assert "| – |" in comparison_table([comparison("x", "s", [1.0], "y", [1.0])])


def test_the_readme_names_every_benchmark():
    text = benchmark.README.read_text()
    for path in benchmark.README.parent.glob("*.py"):
        if "def main(" in path.read_text() or "command(__doc__" in path.read_text():
            assert path.stem in text or path.stem == "trl_step", path.stem
    assert benchmark.BEGIN in text and benchmark.END in text
