import json

import torch

from benchmarks import step_memory, training_speed
from benchmarks.measuring import configuration
from benchmarks.step_memory import bytes_beyond, of_width
from benchmarks.training_cases import CASES, ProductStep
from benchmarks.work import adapter_weights, decoder_weights, layers_peak, peak, scoring_operations, training_operations

SIZES = ["model=tiny", "pairs=2", "examples=1", "size=32", "rows=2", "width=40"]


def test_the_report(tmp_path, monkeypatch, capsys):
    case = "8 questions a graph"
    monkeypatch.setattr(training_speed, "CASES", {case: (*CASES[case], "training.batch_size=2")})
    monkeypatch.setattr(
        training_speed, "step_memory", step_memory.measure
    )  # in this process: starting another takes seconds
    assert training_speed.main([*SIZES, f"out={tmp_path}"]) == 0
    result = json.loads((tmp_path / "training_speed_tiny.json").read_text())
    (row,) = result["rows"]
    assert (
        row["batch"] == 2
        and row["pairs"] == 2
        and row["ratio"]["least"] <= row["ratio"]["median"] <= row["ratio"]["most"]
    )
    assert 0 < row["share_of_peak"] < 1 and set(result["peaks"]) == {"fp32"}
    assert result["memory"]["positions"] == 2 * 39 and result["memory"]["step"] > 0
    text = (tmp_path / "training_speed_tiny.md").read_text()
    assert (
        f"| training, {case} |" in text
        and f"| {case} |" in text
        and "2 whole texts of 40 tokens" in text
        and text in capsys.readouterr().out
    )
    assert str(tmp_path) not in text + json.dumps(result)


def test_bad_settings_are_one_clear_line(capsys):
    for given, said in (
        ("pairs=0", "pairs= is a whole number from 1"),
        ("pairs=few", "pairs= is a whole number, not 'few'"),
        ("model=gpt", "model= is one of gemma3_270m, gemma3_270m_it, smollm2_135m, tiny, not 'gpt'"),
        ("paris=2", "unknown argument 'paris=2'"),
    ):
        assert training_speed.main([given]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"training_speed: {said}") and error.count("\n") == 1
    assert step_memory.main(["rows=many"]) == 2


def test_operations_by_hand():
    """Two rows of the tiny model: 3 layers of width 32, 4 heads and 2 key-value heads of 8, 64 wide inside; adapters of rank 32."""
    step = ProductStep(configuration("tiny", *CASES["whole-text cross-entropy"], "training.batch_size=2"), batches=1)
    weights = 3 * (32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 64)
    adapters = 3 * 32 * (64 + 2 * 48 + 64 + 3 * 96)
    assert decoder_weights(step.answerer) == weights and adapter_weights(step.answerer) == adapters
    _, batch = step.collate(step.batches[0])
    tokens = int((batch.branch >= 0).sum())
    words = step.answerer.language_model.get_output_embeddings().weight.shape[0]
    head = 4 * 32 * words
    a_token = 4 * weights + 6 * adapters
    # in the last layer keys and values are needed everywhere, the rest where something is read
    base = 2 * 32 * 32 + 3 * 32 * 64
    of_base = 32 * (2 * 64 + 3 * 96)
    less = 4 * base + 6 * of_base
    # of a text every token but the first is predicted, so that the last is not read; the answer is read in any case
    for text, read in (("sequence", tokens - 2), ("released", 2 * 5), (None, 2)):
        expected = tokens * a_token - (tokens - read) * less + read * head
        assert training_operations(step.answerer, batch, text) == expected
    assert scoring_operations(step.answerer, 10, 3) == 10 * 2 * (weights + adapters) - 7 * 2 * (base + of_base)
    assert layers_peak(step.answerer, 8, "fp32", 1) > 0 and peak("bf16", 16, 1) > 0


def test_a_text_gets_its_width():
    step = ProductStep(configuration("tiny", *CASES["whole-text cross-entropy"], "training.batch_size=1"), batches=1)
    (example,) = step.batches[0]
    whole = example.encoded.shared + example.encoded.branches[0]
    for width in (len(whole) - 5, 3 * len(whole)):
        cut = of_width(example, width).encoded
        assert cut.length == width and (whole * 3)[-width:] == cut.shared + cut.branches[0]


def test_memory_is_what_the_work_holds_beyond_what_was_there():
    kept = torch.ones(2**22)
    most = bytes_beyond(lambda: torch.ones(2**24))
    assert abs(most / 2**26 - 1) < 0.1 and len(kept) == 2**22
