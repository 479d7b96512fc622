import json
import stat
from pathlib import Path

import numpy as np
import pytest

from benchmarks import peers, scoring_speed
from benchmarks.measuring import configuration
from benchmarks.scoring_speed import agreement, graphs_with, prompts_of_length, sharing_nothing
from models.loading import load_answerer
from scoring.scorer import score

SIZES = ["model=tiny", "n=4", "shortest=20", "longest=500", "pairs=2", "plain=2", "harness=4", "graphs=1", "size=32"]


@pytest.fixture(scope="module")
def answerer():
    return load_answerer(configuration("tiny").model)[0]


@pytest.fixture
def a_processor_with_bf16(monkeypatch):
    monkeypatch.setattr(scoring_speed, "choose_precision", lambda *_: "bf16")


def test_the_report_without_the_harness(tmp_path, monkeypatch, capsys, a_processor_with_bf16):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(scoring_speed, "QUESTIONS", (1, 4))
    assert scoring_speed.main([*SIZES, f"out={tmp_path}"]) == 0
    result = json.loads((tmp_path / "scoring_speed_tiny.json").read_text())
    assert [row["peer"] for row in result["rows"]] == ["released way, fp32"] * 2 + [
        "prompts that share nothing, bf16"
    ] * 4
    assert (
        result["verdicts"]["released"]["questions"] == 4
        and result["verdicts"]["released"]["largest_margin_difference"] < 1e-5
    )
    assert set(result["verdicts"]) == {"released", "bf16"}
    text, said = (tmp_path / "scoring_speed_tiny.md").read_text(), capsys.readouterr().out
    assert "lm_eval= is not given and lm_eval is not on the PATH: skipped" in said
    assert (
        "harness was not there: skipped" in text
        and "| scoring, dseparation, K = 4 on each of 1 graphs |" in text
        and text in said
    )
    assert str(tmp_path) not in text + json.dumps(result)


def test_bf16_is_not_asked_of_a_processor_that_would_emulate_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(scoring_speed, "QUESTIONS", (1,))
    monkeypatch.setattr(scoring_speed, "choose_precision", lambda *_: "fp32")
    assert scoring_speed.main([*SIZES, f"out={tmp_path}"]) == 0
    result = json.loads((tmp_path / "scoring_speed_tiny.json").read_text())
    peers_asked = ["released way, fp32"] + ["prompts that share nothing, fp32"] * 2
    assert [row["peer"] for row in result["rows"]] == peers_asked
    assert result["loaded"]["precision"] == "fp32"
    assert set(result["verdicts"]) == {"released"} and set(result["peaks"]) == {"fp32"}


def test_the_harness_is_timed_at_its_best_batch_size(tmp_path, monkeypatch, a_processor_with_bf16):
    asked = []

    def answer(program, weights, folder, precision, size, attention):
        asked.append((precision, size, attention))
        log = folder / "answers" / "samples_causal_mixed_corrected_same_length_now.jsonl"
        log.parent.mkdir(exist_ok=True)
        docs = [json.loads(line) for line in next(folder.glob("causal_*.jsonl")).read_text().splitlines()]
        log.write_text(
            "".join(json.dumps({"doc": doc, "filtered_resps": [["-1", ""], ["-2", ""]]}) + "\n" for doc in docs)
        )
        return "1.0", {(2, "sdpa"): 5.0, (4, "sdpa"): 7.0, (4, "eager"): 8.0}[size, attention]

    monkeypatch.setattr(scoring_speed, "ask_harness", answer)
    monkeypatch.setattr(scoring_speed, "BATCH_SIZES", (2, 4, 8))
    settings = dict(one.split("=") for one in SIZES)
    scoring = scoring_speed.Scoring({key: value if key == "model" else int(value) for key, value in settings.items()})
    row, verdicts = scoring.against_harness(Path("lm_eval"))
    best = (4, "eager")
    assert asked == [("bf16", 2, "sdpa"), ("bf16", 4, "sdpa"), *[("bf16", *best)] * 3, ("fp32", *best)]
    assert row["theirs"]["median"] == 8.0 and row["peer"] == "lm_eval 1.0, bf16, batches of 4, eager"
    assert row["tried"] == {"2, sdpa": 5.0, "4, sdpa": 7.0, "4, eager": 8.0}
    assert verdicts["questions"] == 4


def test_what_was_measured_stays_when_the_harness_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scoring_speed, "QUESTIONS", (1,))
    failing = script(tmp_path / "lm_eval", "echo 'no such task' >&2; exit 3")
    assert scoring_speed.main([*SIZES, f"lm_eval={failing}", f"out={tmp_path}"]) == 0
    result = json.loads((tmp_path / "scoring_speed_tiny.json").read_text())
    assert "harness" not in result["verdicts"] and len(result["rows"]) >= 3
    assert "Without the lm-evaluation-harness: lm_eval failed: no such task." in capsys.readouterr().out


def test_sharing_nothing_changes_no_margin(answerer):
    items = graphs_with("transitivity", 4, 2)
    assert all(len(item.questions) == 4 for item in items)
    found, expected = sharing_nothing(answerer, items, 400), score(answerer, items, 400)
    assert np.sort(found) == pytest.approx(np.sort(expected), abs=1e-5)


def test_prompts_have_the_length_that_was_asked_for(answerer):
    items = prompts_of_length(answerer.prompt_format, 3, 60, 90)
    lengths = [one.longest_prompt for one in answerer.prompt_format.encode(items)]
    assert len(lengths) == 3 and min(lengths) >= 60 and max(lengths) <= 90
    with pytest.raises(ValueError, match="shortest=1 longest=2: only 0 of 1 prompts"):
        prompts_of_length(answerer.prompt_format, 1, 1, 2)


def test_flips_and_their_margins():
    found = agreement([1.0, -1.0, 0.25], [2.0, 0.125, -0.5])
    assert found == {"questions": 3, "flips": 2, "margins_of_flips": [0.125, -0.5], "largest_margin_difference": 1.125}


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(("said", "questions"), [("80.00it/s", 40.0), ("2.00s/it", 0.25)])
def test_the_harness_loop_is_read_from_its_bar(tmp_path, said, questions):
    bar = f"Running loglikelihood requests: 100%|####| 8/8 [00:01<00:00, {said}]"
    answers = """mkdir -p answers/model; echo '{"lm_eval_version": "0.9"}' > answers/model/results_now.json"""
    program = script(
        tmp_path / "lm_eval",
        f"{answers}\necho 'Running loglikelihood requests:  50%|##  | 4/8 [00:00<00:01, 3.1it/s]' >&2\necho '{bar}' >&2",
    )
    assert peers.ask_harness(program, tmp_path, tmp_path) == ("0.9", questions)


def test_a_peer_that_fails_is_one_line(tmp_path, capsys):
    failing = script(tmp_path / "failing", "echo first >&2; echo 'no such model' >&2; exit 3")
    with pytest.raises(peers.PeerError, match="^failing failed: no such model$"):
        peers.ask_harness(failing, tmp_path, tmp_path)
    assert scoring_speed.main([*SIZES, f"lm_eval={tmp_path}/none"]) == 2
    assert capsys.readouterr().err == f"scoring_speed: lm_eval={tmp_path}/none: is no program that can be run\n"


def test_weights_for_peers_are_links_and_the_tokenizer_has_a_template(tmp_path, answerer):
    source = tmp_path / "source"
    answerer.language_model.save_pretrained(source)
    (source / "tokenizer_config.json").write_text("{}")
    model = configuration("tiny", f"model.name_or_path={source}").model
    made = peers.weights_for_peers(answerer, model, tmp_path / "made")
    assert (made / "model.safetensors").is_symlink() and not (made / "tokenizer_config.json").is_symlink()
    assert (source / "tokenizer_config.json").read_text() == "{}"
    reloaded, _ = load_answerer(configuration("tiny", f"model.name_or_path={made}").model)
    assert reloaded.prompt_format.yes == answerer.prompt_format.yes
