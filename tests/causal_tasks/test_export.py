"""The command line that writes data sets."""

import json
import runpy

import yaml

from causal_tasks.export import main as export
from causal_tasks.files import read_jsonl
from models.prompts import PROMPTS


def test_export_refuses_a_bad_split_before_it_writes_a_good_one(tmp_path, capsys):
    settings = ["export=lm_eval", "task=transitivity", "protocol=corrected", "split=length,longer", "n=4"]
    assert export([*settings, f"out={tmp_path / 'folder'}"]) == 2
    assert "unknown split 'longer'" in capsys.readouterr().err and not (tmp_path / "folder").exists()


def test_export_writes_the_same_bytes_and_refuses_bad_arguments(tmp_path, capsys):
    arguments = ["task=dseparation", "protocol=corrected", "split=length", "n=30", "seed=5"]
    assert export([*arguments, f"out={tmp_path / 'a.jsonl'}"]) == 0
    assert export([*arguments, f"out={tmp_path / 'b.jsonl'}"]) == 0
    written = (tmp_path / "a.jsonl").read_bytes()
    assert written == (tmp_path / "b.jsonl").read_bytes()
    records = [json.loads(line) for line in written.splitlines()]
    assert len(records) == 30 and list(records[0]) == ["id", "premise", "hypothesis", "label"]
    card = (tmp_path / "a.card.md").read_text()
    assert card == (tmp_path / "b.card.md").read_text()
    assert "| dseparation | corrected | length | chains (d-separation: paths) of 7-15 nodes" in card and "50.0" in card
    capsys.readouterr()
    for bad, reason in [
        (["n=many", "out=x"], "n= is a whole number"),
        (["size=4"], "unknown argument 'size=4'"),
        (["n=3"], "given twice"),
        ([], "missing out="),
        (["out=x", "export=parquet"], "unknown export 'parquet'; allowed: jsonl, lm_eval"),
    ]:
        assert export([*(arguments[:3] if "n=many" in bad else arguments), *bad]) == 2
        assert reason in capsys.readouterr().err


def test_adversarial_records_carry_pair_and_family(tmp_path):
    out = tmp_path / "adversarial.jsonl"
    assert export(["task=transitivity", "protocol=corrected", "split=adversarial", "n=20", f"out={out}"]) == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert list(records[0]) == ["id", "premise", "hypothesis", "label", "pair", "family"]
    for one, other in zip(records[::2], records[1::2]):
        assert one["pair"] == other["pair"] and {one["label"], other["label"]} == {"Yes", "No"}
    again = [question.strata for item in read_jsonl(out) for question in item.questions]
    assert again == [{"pair": record["pair"], "family": record["family"]} for record in records]


def test_symmetric_records_carry_their_pair(tmp_path):
    out = tmp_path / "symmetric.jsonl"
    asked = ["task=dseparation", "protocol=corrected", "split=symmetric", "n=20", "questions_per_graph=2"]
    assert export([*asked, f"out={out}"]) == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert list(records[0]) == ["id", "premise", "hypothesis", "label", "pair"]
    for one, other in zip(records[::2], records[1::2]):
        assert (one["premise"], one["pair"]) == (other["premise"], other["pair"]) and one["label"] != other["label"]
    assert "(adversarial, symmetric) also carry `pair`" in (tmp_path / "symmetric.card.md").read_text()


class HarnessYaml(yaml.SafeLoader):
    """As the harness reads it, but `!function MODULE.NAME` stays text."""


HarnessYaml.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def test_harness_folder_holds_the_published_prompt_and_every_record(tmp_path):
    settings = ["export=lm_eval", "task=transitivity,dseparation", "protocol=corrected", "split=length,adversarial"]
    assert export([*settings, "n=12", f"out={tmp_path}"]) == 0
    group = yaml.safe_load((tmp_path / "causal_questions.yaml").read_text())
    assert group["task"] == [
        f"causal_{task}_corrected_{split}"
        for task in ("transitivity", "dseparation")
        for split in ("length", "adversarial")
    ]
    for name in group["task"]:
        definition = yaml.load((tmp_path / f"{name}.yaml").read_text(), HarnessYaml)
        assert definition["task"] == name and definition["doc_to_choice"] == ["Yes", "No"]
        records = [json.loads(line) for line in (tmp_path / definition["dataset_kwargs"]["data_files"]["test"]).open()]
        assert len(records) == 12 and {record["label"] for record in records} == {"Yes", "No"}
        prompt = definition["doc_to_text"].replace("{{premise}}", "P.").replace("{{hypothesis}}", "H?")
        assert prompt == PROMPTS["benchmark"].format(premise="P.", hypothesis="H?")
        module, function = definition["metric_list"][1]["aggregation"].split(".")
        mcc = runpy.run_path(str(tmp_path / f"{module}.py"))[function]
        assert mcc([(0, 0), (1, 1)]) == 1.0 and mcc([(0, 1), (1, 1)]) == 0.0
    assert "Families of minimal pairs" in (tmp_path / "README.md").read_text()
