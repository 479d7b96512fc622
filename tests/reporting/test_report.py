"""What is written of a results folder: files, summary, and what was left out and why."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock, Timeout

from records.run_settings import RunSettings
from reporting import collapse_rates, report, tables, write_all
from reporting.faults_table import CHANGED
from reporting.published import PAPER_MODELS
from reporting.report_page import _faults, _machines, _overview, _share_of_training
from reporting.results import load
from reporting.run import Run
from reporting.run_files import ResultsError
from reporting.summary_table import BEGIN, END, into_readme, readme_table, summary_table
from reporting.table import Table
from scoring.seeds import over_seeds
from tables import main


@pytest.fixture(scope="module")
def written(five_variants, tmp_path_factory):
    return write_all(five_variants, tmp_path_factory.mktemp("out"))


def test_failed_and_malformed_runs_are_listed(tmp_path, make_run):
    make_run(tmp_path, "transitivity_ce", n=40)
    make_run(tmp_path, "transitivity_semantic", status="failed")
    interrupted = tmp_path / "runs/tiny/pretrained/0/seed0"
    interrupted.mkdir(parents=True)
    (interrupted / "config.yaml").write_text("seed: 0")
    broken = make_run(tmp_path, "dseparation_ce", n=40)
    (broken / "run.json").write_text('{"status": "finished"')
    without_config = make_run(tmp_path, "dseparation_semantic", n=40)
    (without_config / "config.yaml").unlink()
    logless = make_run(tmp_path, "transitivity_ce", 1, n=40)
    (logless / "training_log.jsonl").write_text('{"step": 1}\n{"step"')
    other = make_run(tmp_path, "transitivity_ce", 2, n=40)
    (other / "evaluation/corrected/margins.parquet").write_bytes(b"not parquet")
    summary = write_all(tmp_path)
    assert summary.finished == 1
    assert sorted(status for _, status in summary.unfinished) == ["failed", "running or interrupted"]
    problems = "\n".join(summary.problems)
    assert len(summary.problems) == 4
    assert f"{broken}/run.json:1: not JSON" in problems
    assert f"{without_config}/config.yaml: missing" in problems
    assert "training_log.jsonl:2: not JSON" in problems
    assert "margins.parquet: not a parquet file" in problems
    assert all(line in str(summary) for line in summary.problems)


def test_without_runs_the_papers_numbers_are_still_shown(tmp_path):
    summary = write_all(tmp_path)
    assert summary.finished == 0 and summary.figures == []
    paper = summary.main.frame.set_index("variant")["paper"]
    assert paper["always No"] == pytest.approx(0.72254) and paper["dseparation_semantic"] == pytest.approx(0.686)
    assert set(tables(tmp_path)["table1_accuracy"]["source"]) == {"baseline", "published"}
    with pytest.raises(ResultsError, match="no such folder"):
        load(tmp_path / "nowhere")


def test_every_table_is_written_and_reads_back(written):
    assert len(written.tables) == 22
    for path in written.tables:
        frame = pd.read_csv(path.with_suffix(".csv"))
        assert len(frame) or path.stem.startswith(
            ("ablation", "adapter_growth", "checkpoints", "faults", "constant_answer", "closure")
        )
        means = path.read_text().count("| mean of ")
        assert len(path.read_text().splitlines()) == 6 + len(frame) + means
    assert (written.folder / "FORENSICS.md").read_text(encoding="utf-8").startswith("# Where each published number")
    assert [path.name for path in written.folder.rglob(".*")] == [".tables.lock"]  # no temporary file is left


def test_the_summary_keeps_the_tables(written):
    """So that a sweep need not make them twice for its tracker."""
    assert set(written.frames) == {path.stem for path in written.tables}
    assert len(written.frames["table4_collapse"]) == len(pd.read_csv(written.folder / "tables/table4_collapse.csv"))


def test_the_threats_are_counted_from_the_runs(five_variants, written):
    page = (written.folder / "REPORT.md").read_text(encoding="utf-8")
    said = (
        "Of 4 trained settings 2 have one seed, the most that any has is 2; of the 0 on the paper's model 0 have one."
    )
    assert said in page
    assert "[0 of 3 paired tests](tables/paired_tests.md) are of two recipes" in page
    assert "None was scored on the paper's model." in page  # the model of the tests is another


def test_the_threats_name_seeds_that_the_machine_is_confounded_with_and_how_short_a_training_was():
    def run(variant: str, seed: int, commit: str, processor: str) -> Run:
        info = {
            "status": "finished",
            "commit": commit,
            "machine": {"processor": processor},
            "training": {"samples": 6650},
        }
        settings = RunSettings(variant, PAPER_MODELS[-1], "paper", seed, task="transitivity", samples=6650, epochs=1)
        return Run(Path("run"), settings, info)

    same = [run("transitivity_ce", seed, "a", "x") for seed in (0, 1)]
    assert _machines(same) == ""
    runs = same + [run("transitivity_semantic", 0, "a", "x"), run("transitivity_semantic", 1, "a", "y")]
    assert _machines([*runs, run("transitivity_answer_ce", 0, "b", "x")]).startswith(
        " Of 1 of the 2 settings with several the seeds were trained by more than one commit or processor"
    )
    assert _share_of_training(runs) == " 6,650 are 2.0 to 4.7 % of these."
    assert _share_of_training([]) == ""


def test_the_report_begins_with_the_verdicts_on_the_papers_model():
    about = {"claim": "it collapses", "published": "100 %", "scale": "paper", "published_figure": ""}
    rows = [
        {"id": "C2", "model": PAPER_MODELS[-1], "samples": 8192, "verdict": "replicates"},
        {"id": "C1", "model": PAPER_MODELS[-1], "samples": 8192, "verdict": "does not replicate"}
        | {"published_figure": "explained by A11"},
        {"id": "C1", "model": PAPER_MODELS[0], "samples": 50_000, "verdict": "not settled"},
        {"id": "C1", "model": "smollm2_135m", "samples": 1024, "verdict": "replicates"},
    ]
    frame = pd.DataFrame([about | row for row in rows])
    head, _, *found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in _overview(frame)[0].splitlines()]
    assert head == ["claim", "published", "gemma3_270m_it, 50,000 questions", "gemma3_270m, 8,192 questions"]
    said = "does not replicate; the published figure: explained by A11"
    assert found == [
        ["C1: it collapses", "100 %", "not settled", said],
        ["C2: it collapses", "100 %", "–", "replicates"],
    ]
    assert _overview(frame[frame["model"] == "smollm2_135m"]) == []


def test_every_pair_of_a_fault_is_shown_at_its_own_newest_step():
    about = {"audit": "A10", "without": "x", "model": PAPER_MODELS[-1], "scale": "paper", "samples": 8, "seed": "0"}
    steps = [
        ("semantic", "", "released-k1", 1),
        ("semantic", "", "released-k1", 2),
        ("semantic", "base=turn", "released-k1", 1),
        ("ce", "", "released-k1", 1),
        ("ce", "", "corrected-k1", None),
    ]
    frame = pd.DataFrame(
        [about | dict(zip(("variant", "setting", "trained_on", "step"), values, strict=True)) for values in steps]
    ).assign(flips=0.1, n=5, flips_of_seeds=None, balanced_difference=None, also_differs="")
    frame[[*CHANGED]] = None
    frame[[f"{measure}_{side}" for measure in ("released", "balanced") for side in ("with", "without")]] = 0.5
    text = "\n".join(_faults(Table("faults", "T", "", frame)))
    rows = [line for line in text.splitlines() if "A10" in line]
    assert [("semantic" in row, "base=turn" in row) for row in rows] == [
        (True, False),
        (True, True),
        (False, False),
        (False, False),
    ]


def readme_rows(*rows):
    about = {"scale": "paper", "setting": "", "task": "transitivity", "seed": "0", "yes_rate": 0.5, "paper": 0.7}
    about |= {"balanced_accuracy_low": 0.4, "balanced_accuracy_high": 0.6, "released": 0.6}
    frame = pd.DataFrame([about | row for row in rows])
    averaged = ("balanced_accuracy", "released", "yes_rate", "paper")
    return readme_table(Table("summary", "S", "", frame, averaged=averaged)).frame.set_index("variant")


def test_the_readmes_rows_are_of_the_same_questions():
    paper = {"model": PAPER_MODELS[-1], "trained_on": "released-k1", "samples": 8192, "n": 1482}
    untrained = {"variant": "pretrained", "model": PAPER_MODELS[-1], "trained_on": "nothing", "samples": 0}
    frame = readme_rows(
        untrained | {"n": 354, "balanced_accuracy": 0.1},  # of an earlier generator
        untrained | {"n": 1482, "balanced_accuracy": 0.2, "scale": "paper_start"},
        paper | {"variant": "transitivity_ce", "balanced_accuracy": 0.3},
        paper | {"variant": "transitivity_ce", "balanced_accuracy": 0.4, "n": 354, "samples": 50_000},
        paper | {"variant": "transitivity_semantic", "balanced_accuracy": 0.5, "n": 354},
        *(
            paper | {"variant": "transitivity_answer_ce", "balanced_accuracy": score, "seed": seed}
            for seed, score in (("0", 0.6), ("1", 0.8))
        ),
        paper | {"variant": "local features", "balanced_accuracy": 0.6, "n": None},
        paper | {"variant": "always No", "balanced_accuracy": 0.5, "n": None, "task": None},
    )
    assert frame["balanced_accuracy"].to_dict() == {
        "always No": 0.5, "local features": 0.6, "pretrained": 0.2, "transitivity_ce": 0.3, "transitivity_semantic": 0.5,
        "transitivity_answer_ce": 0.7,
    }  # fmt: skip
    run = f"{PAPER_MODELS[-1]}, 8,192"
    assert frame["run"].dropna().to_dict() == {
        "pretrained": PAPER_MODELS[-1], "local features": run, "transitivity_ce": run, "transitivity_semantic": run,
        "transitivity_answer_ce": f"{run}, 2 seeds",
    }  # fmt: skip


def test_the_readmes_row_of_several_seeds_is_their_mean_with_the_interval_over_them():
    paper = {"model": PAPER_MODELS[-1], "trained_on": "released-k1", "samples": 8192, "n": 1482}
    scores = (0.5, 0.6, 0.7)
    seeds = [
        paper | {"variant": "transitivity_ce", "seed": str(i), "balanced_accuracy": score, "released": score / 2}
        for i, score in enumerate(scores)
    ]
    other = paper | {"variant": "transitivity_ce", "setting": "Cosine", "seed": "0", "balanced_accuracy": 0.1}
    row = readme_rows(other, *seeds).loc["transitivity_ce"]
    low, high = over_seeds(scores)[0]
    assert (
        row["seeds"] == 3 and row["balanced_accuracy"] == pytest.approx(0.6) and row["released"] == pytest.approx(0.3)
    )
    assert (row["balanced_accuracy_low"], row["balanced_accuracy_high"]) == (low, high)
    one = readme_rows(other).loc["transitivity_ce"]
    assert one["seeds"] == 1 and one["balanced_accuracy_low"] == 0.4
    two = readme_rows(*seeds[:2]).loc["transitivity_ce"]
    assert two["seeds"] == 2 and pd.isna(two["balanced_accuracy_low"])


def test_same_runs_same_bytes_and_latex_on_request(five_variants, written, tmp_path):
    assert not list(written.folder.rglob("*.tex"))
    again = write_all(five_variants, tmp_path, tex=True)
    for path in again.tables:
        assert path.with_suffix(".tex").read_text().count(r"\begin{tabular}") == 1
    for first, second in zip(written.tables + written.figures, again.tables + again.figures, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_command_line(make_run, tmp_path):
    """tables.py imports no torch and says where things lie."""
    results, out = tmp_path / "results", tmp_path / "out"
    make_run(results, "transitivity_ce", n=40)
    failed = make_run(results, "dseparation_ce", status="failed")
    code = "import sys, tables; status = tables.main(sys.argv[1:]); assert 'torch' not in sys.modules; sys.exit(status)"
    arguments = [sys.executable, "-c", code, f"results={results}", f"out={out}"]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "always No" in done.stdout and str(out / "tables") in done.stdout
    assert f"not finished: {failed.relative_to(results)} (failed)" in done.stdout


@pytest.mark.parametrize(
    ("argument", "status", "message"),
    [
        ("tex=maybe", 2, "tex= is true or false, not 'maybe'"),
        ("result=x", 2, "unknown argument 'result=x'; allowed: results="),
        ("results=nowhere", 1, "no such folder"),
        ("results=", 2, "results= is empty"),
    ],
)
def test_command_line_refuses(argument, status, message, capsys):
    assert main([argument]) == status
    assert message in capsys.readouterr().err


def test_a_folder_that_is_none_of_results_is_left_alone(tmp_path, capsys):
    assert main([f"results={tmp_path}"]) == 1
    assert "no runs/ in it" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_summary_goes_between_the_readmes_markers(five_variants, made):
    table = summary_table(made["table1_accuracy"], made["table4_collapse"])
    assert table.frame["variant"].tolist()[:2] == ["always Yes", "always No"]
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = into_readme(text, table)
    assert once.startswith("before\n") and once.endswith("\nafter\n") and "old" not in once
    assert "transitivity_semantic" in once and into_readme(once, table) == once
    with pytest.raises(ValueError, match="summary table"):
        into_readme("no markers", table)


def test_a_diverged_run_is_reported_and_named(make_run, tmp_path):
    folder = make_run(tmp_path, "transitivity_ce", 0)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"diverged": True}))
    results = load(tmp_path)
    assert len(results.runs) == 1 and any("its training diverged" in problem for problem in results.problems)


def test_the_collapse_rates_are_numbers_by_variant(five_variants):
    rates = collapse_rates(tables(five_variants))
    assert rates and all(name.startswith("collapse_rate/") and 0 <= rate <= 1 for name, rate in rates.items())
    assert "collapse_rate/tiny/smoke/100/corrected-k1/transitivity_ce/transitivity" in rates


def test_no_row_of_collapse_rates_takes_the_place_of_another(tmp_path, make_run):
    """The untrained model is judged on both tasks; runs of a variant may differ in size and setting."""
    make_run(tmp_path, "pretrained", n=40)
    for about in ({}, {"samples": 200}, {"data": {"yes_share": 0.5}}):
        make_run(tmp_path, "transitivity_ce", n=40, **about)
    made = tables(tmp_path)
    rates = collapse_rates(made)
    assert len(rates) == len(made["table4_collapse_rate"]) == 5
    assert "collapse_rate/tiny/smoke/100/corrected-k1/transitivity_ce/50 % Yes/transitivity" in rates


def test_one_process_at_a_time_writes_tables(five_variants, tmp_path, monkeypatch):
    def another(results, out, tex):
        with pytest.raises(Timeout), FileLock(out / ".tables.lock", timeout=0):
            pass
        return "written"

    monkeypatch.setattr(report, "_write_all", another)
    assert write_all(five_variants, tmp_path) == "written"
