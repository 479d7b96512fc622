import json
from pathlib import Path
from types import SimpleNamespace

from benchmarks import against_trl
from training.batches import Collator

SIZES = ["model=tiny", "batch=2", "steps=2"]


def test_without_trl_nothing_is_measured(tmp_path, capsys):
    assert against_trl.main([*SIZES, f"out={tmp_path}"]) == 0
    assert capsys.readouterr().out == "trl= is not given: skipped\n" and not list(tmp_path.iterdir())


def test_a_wrong_interpreter_is_one_clear_line(tmp_path, capsys):
    assert against_trl.main([*SIZES, f"trl={tmp_path}/python"]) == 2
    assert capsys.readouterr().err == f"against_trl: trl={tmp_path}/python: is no program that can be run\n"


def test_both_trainers_get_the_same_batches(tmp_path, monkeypatch):
    requests, ours = [], []
    collate = Collator.__call__

    def collated(self, examples):
        ours.extend(f"{one.item.premise}\n{q.hypothesis}" for one in examples for q in one.item.questions)
        return collate(self, examples)

    monkeypatch.setattr(Collator, "__call__", collated)

    def answer(asked, folder):
        request = json.loads(Path(asked[2]).read_text())
        lines = [json.loads(line) for line in Path(request["questions"]).read_text().splitlines()]
        assert (folder / "weights" / "tokenizer_config.json").exists() and request["model"] == str(folder / "weights")
        requests.append((request, lines))
        return SimpleNamespace(stdout='warning\n{"seconds": [0.5, 0.25], "trl": "1.0", "transformers": "5.0"}\n')

    monkeypatch.setattr(against_trl, "run_peer", answer)
    monkeypatch.setattr(against_trl, "find", lambda setting, given: tmp_path / "python")
    assert against_trl.main([*SIZES, f"out={tmp_path / 'out'}"]) == 0
    assert [request["attention"] for request, _ in requests] == ["sdpa", "eager"]
    request, lines = requests[0]
    assert request["batch_size"] == 2 and request["precision"] == "fp32" and request["lora"]["rank"] == 32
    assert len(lines) == 2 * (2 + 2)  # the first step and the last are left out
    assert lines[0]["prompt"][0]["content"].startswith("Given the following causal relationships:\n")
    assert lines[0]["completion"][0]["content"] in ("Yes", "No")
    asked = [line["prompt"][0]["content"] for line in lines]
    assert len(ours) == len(asked)
    for question, prompt in zip(ours, asked):
        assert all(part in prompt for part in question.split("\n")), "the other's batches, in the same order"
    result = json.loads((tmp_path / "out" / "against_trl_tiny.json").read_text())
    assert [row["pairs"] for row in result["rows"]] == [2, 2] and result["rows"][0]["theirs"]["most"] == 8.0
    assert "SFTTrainer, trl 1.0, eager, fp32" in (tmp_path / "out" / "against_trl_tiny.md").read_text()
    assert str(tmp_path) not in json.dumps(result)
