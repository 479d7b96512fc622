"""docs/extending.md: a loss, a schedule, a suite and a model of one's own, each one file and one yaml."""

import importlib
import json
import re
from pathlib import Path

import pytest

import losses
import schedulers

ROOT = Path(__file__).parents[2]
LOSS = re.search(r"```python\n(.*?)```", (ROOT / "docs/extending.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
IMPORTS = (
    "import torch\nfrom losses.cross_entropy import answer_cross_entropy\nfrom losses.loss import Loss, masked_mean\n"
)
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
    "model/small": "defaults: [tiny, _self_]\nname: small\nprecision: fp32\n",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with all four; what stands for a file in losses/ and schedulers/ is found beside theirs."""
    for name, text in YAMLS.items():
        path = tmp_path / f"conf/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for package, name, text in ((losses, "confident", IMPORTS + LOSS), (schedulers, "falling", SCHEDULE)):
        room = tmp_path / package.__name__
        room.mkdir()
        (room / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(room)])
    importlib.invalidate_caches()
    question = {"premise": "A causes B.", "hypothesis": "Does A cause B?", "label": "Yes"}
    (tmp_path / "mine.jsonl").write_text(json.dumps(question) + "\n")
    return tmp_path


def test_all_of_them_train_and_score(run_script, own):
    few = ["suites.published.splits=null", "suites.corrected.splits=null", "suites.validation.samples=8"]
    run_script(
        "train.py", "--config-dir=conf", "scale=smoke", "model=small", "loss=confident", "schedule=falling", "out=run",
        "+suite@suites.mine=mine", "tracking=none", "evaluation.resamples=10", *few, cwd=own,
    )  # fmt: skip
    record = json.loads((own / "run/run.json").read_text())
    assert record["loss"] == {"_target_": "losses.confident.Confident", "temperature": 2.0}
    assert record["model"] == "small" and (own / "run/evaluation/mine/metrics.json").is_file()
    log = [json.loads(line) for line in (own / "run/training_log.jsonl").read_text().splitlines()]
    steps = [line for line in log if "loss/semantic" in line]
    assert steps[0]["lambda"] == pytest.approx(0.5) and steps[-1]["lambda"] == pytest.approx(0.0)


def test_an_argument_that_the_class_does_not_have_is_refused(run_script, own):
    output = run_script(
        "train.py", "--config-dir=conf", "scale=smoke", "loss=confident", "+loss.temprature=1", cwd=own, expect=1
    )
    assert "loss.temprature: no such key; did you mean loss.temperature?" in output
