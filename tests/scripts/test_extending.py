"""docs/extending.md: a loss, a schedule, a suite, a model and a construction of one's own, each one file and one yaml."""

import importlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

import losses
import schedulers
from causal_tasks import constructions
from causal_tasks.export import main as export
from causal_tasks.files import FileFormatError, read_jsonl, read_parts
from causal_tasks.labels import check_labels
from causal_tasks.suites import yes_share
from scoring.evaluation import SuiteError, build_suite

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
(FAR,) = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
LOSS, STARS = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
SCHEDULE = '''
from schedulers.schedule import Schedule


class Falling(Schedule):
    """From the top to nothing."""

    def __init__(self, top: float) -> None:
        self.top = top

    def __call__(self, progress: float) -> float:
        return self.top * (1 - progress)
'''
YAMLS = {
    "loss/confident": "_target_: losses.confident.Confident\ntemperature: 2.0\n",
    "schedule/falling": "_target_: schedulers.falling.Falling\ntop: 0.5\n",
    "suite/mine": "name: mine\npath: mine.jsonl\n",
    "suite/far": FAR.replace("samples: 200", "samples: 8"),
    "suite/stars": "name: stars\nprotocol: corrected\nsplits: {transitivity: [stars]}\nsamples: 8\nseed: 0\nquestions_per_graph: 1\n",
    "model/small": "defaults: [tiny, _self_]\nname: small\nprecision: fp32\n",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with all of them; what stands for a file in a room is found beside those of the room."""
    for name, text in YAMLS.items():
        path = tmp_path / f"conf/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for package, name, text in (
        (losses, "confident", LOSS), (schedulers, "falling", SCHEDULE), (constructions, "stars", STARS)
    ):  # fmt: skip
        room = tmp_path / package.__name__
        room.mkdir()
        (room / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(room)])
    importlib.invalidate_caches()
    question = {"premise": "A causes B.", "hypothesis": "Does A cause B?", "label": "Yes"}
    other = {"premise": "A causes B.", "hypothesis": "Does B cause A?", "label": "No", "split": "back"}
    lines = (question, other | {"strata": {"distance": 1}})
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_all_of_them_train_and_score(run_script, own):
    few = ["suites.published.splits=null", "suites.corrected.splits=null", "suites.validation.samples=8"]
    run_script(
        "train.py", "--config-dir=conf", "scale=smoke", "model=small", "loss=confident", "schedule=falling", "out=run",
        "+suite@suites.mine=mine", "+suite@suites.stars=stars", "+suite@suites.far=far", "tracking=none", "evaluation.resamples=10", *few, cwd=own,
    )  # fmt: skip
    record = json.loads((own / "run/run.json").read_text())
    assert record["loss"] == {"_target_": "losses.confident.Confident", "temperature": 2.0}
    assert record["model"] == "small" and (own / "run/evaluation/mine/metrics.json").is_file()
    splits = {
        suite: {
            row["split"]: row for row in json.loads((own / f"run/evaluation/{suite}/metrics.json").read_text())["rows"]
        }
        for suite in ("mine", "stars", "far")
    }
    assert splits["mine"].keys() == {"mine", "back", "pooled"} and splits["far"].keys() == {"far", "dense"}
    for row in (splits["stars"]["stars"], *splits["far"].values()):
        assert row["n"] == 8 and row["label_yes_rate"] == 0.5
    assert pd.read_parquet(own / "run/evaluation/mine/margins.parquet")["stratum/distance"].dropna().tolist() == [1]
    log = [json.loads(line) for line in (own / "run/training_log.jsonl").read_text().splitlines()]
    steps = [line for line in log if "loss/semantic" in line]
    assert steps[0]["lambda"] == pytest.approx(0.5) and steps[-1]["lambda"] == pytest.approx(0.0)


def test_a_split_of_ones_own_is_as_described_and_matched_like_any_other(own):
    parts = build_suite(OmegaConf.create(FAR))
    assert parts.keys() == {("transitivity", "far"), ("dseparation", "dense")}
    for (_, split), items in parts.items():
        assert check_labels(items).agreeing == 200 and yes_share(items) == 0.5
        low, high = {"far": (16, 20), "dense": (8, 10)}[split]
        assert all(low <= len(item.graph.nodes) <= high for item in items)
    assert parts == build_suite(OmegaConf.create(FAR))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("graphs.far.shortest=3", "graphs.far: kind=chains needs 4 <= shortest <= longest <= 64 nodes, not 3 and 20"),
        ("graphs.far.dense=1", "graphs.far.dense: kind=chains has shortest, longest, flips, told, shuffled"),
        ("graphs.far.kind=stars", "graphs.far.kind=stars: must be one of chains, branching"),
        ("graphs.far.flips=[2]", "flips (one or more) and dense lie within 0 and 1"),
        ("graphs.dense.hidden=[3]", "graphs.dense.hidden: two numbers"),
        ("splits.transitivity=[length]", "a split of one's own"),
        ("protocol=released", "a split of one's own is corrected"),
        ("splits.transitivity=[farther]", "unknown split 'farther'"),
        ("splits.transitivity=[pooled]", "graphs.pooled: the name of a row over several splits"),
    ],
)
def test_a_split_that_cannot_be_drawn_is_refused_in_one_line(override, message):
    suite = OmegaConf.merge(OmegaConf.create(FAR), OmegaConf.from_dotlist([override]))
    for name in suite.splits.transitivity:
        if name in ("length", "pooled"):
            suite.graphs[name] = suite.graphs.far
    with pytest.raises(SuiteError, match=re.escape(message)):
        build_suite(suite)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"split": "../up"}, "must be letters"),
        ({"strata": [1]}, "expected an object"),
        ({"strata": {"a": 0.5}}, "strata.a is"),
    ],
)
def test_a_split_or_stratum_that_is_none_is_refused(own, line, message):
    good = json.loads((own / "mine.jsonl").read_text().splitlines()[0])
    (own / "mine.jsonl").write_text(json.dumps(good | line) + "\n")
    with pytest.raises(FileFormatError, match=f"mine.jsonl:1: .*{message}"):
        read_parts(own / "mine.jsonl")


def test_an_argument_that_the_class_does_not_have_is_refused(run_script, own):
    output = run_script(
        "train.py", "--config-dir=conf", "scale=smoke", "loss=confident", "+loss.temprature=1", cwd=own, expect=1
    )
    assert "loss.temprature: no such key; did you mean loss.temperature?" in output


def test_a_construction_is_exported_like_any_other(own, capsys):
    assert export(["list"]) == 0 and "|stars" in capsys.readouterr().out
    arguments = ["task=transitivity", "protocol=corrected", "split=stars", f"out={own}/stars.jsonl"]
    assert export([*arguments, "n=6"]) == 0 and check_labels(read_jsonl(own / "stars.jsonl")).agreeing == 6
    assert "one node that causes two to five others" in (own / "stars.card.md").read_text()
    assert export([*arguments, "n=6", "questions_per_graph=2"]) == 2
    assert "stars have one question a graph, not 2" in capsys.readouterr().err


def test_two_constructions_of_one_split_are_refused(own):
    (own / "causal_tasks.constructions/more_stars.py").write_text(STARS)
    importlib.invalidate_caches()
    constructions._found.cache_clear()
    with pytest.raises(ValueError, match="stars and more_stars both construct sampled/corrected/transitivity/stars"):
        constructions.constructions()


def test_a_split_with_the_name_of_a_summary_is_refused(own):
    """It would take the place of the row over all splits, and lose its own."""
    good = json.loads((own / "mine.jsonl").read_text().splitlines()[0])
    for name, line in (("mine", good | {"split": "headline"}), ("pooled", good)):
        (own / f"{name}.jsonl").write_text(json.dumps(line) + "\n")
        with pytest.raises(FileFormatError, match="the name of a row over several splits; choose another"):
            read_parts(own / f"{name}.jsonl")


def test_two_files_must_not_name_two_questions_of_a_split_alike(own):
    good = json.loads((own / "mine.jsonl").read_text().splitlines()[0])
    folder = own / "external"
    folder.mkdir()
    for name, split in (("one", "mine"), ("two", "mine"), ("three", "other")):
        (folder / f"{name}.jsonl").write_text(json.dumps(good | {"id": 7, "split": split}) + "\n")
    suite = OmegaConf.create({"name": "external", "path": str(folder)})
    with pytest.raises(SuiteError, match=r"two.jsonl: id '7' of split 'mine' is also in .*one.jsonl"):
        build_suite(suite)
    (folder / "two.jsonl").unlink()
    assert build_suite(suite).keys() == {("transitivity", "mine"), ("transitivity", "other")}
