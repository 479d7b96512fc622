"""What the screen shows of a training."""

import logging
from types import SimpleNamespace

import pytest
from transformers import PrinterCallback, ProgressCallback

from training.console import Console

STEP = {"loss": 0.7341, "grad_norm": 3.0, "lambda": 0.083, "answer_probability": 0.517}
PROBE = {"probe/yes_rate": 0.484, "probe/balanced_accuracy": 0.612, "probe/auroc": 0.6}


@pytest.fixture
def shown(caplog):
    """A function (weighed, steps of warm-up) → the lines of a training of 32 steps that is probed before it, after 16 and at
    its end."""

    def train(weighed: bool, warmup_steps: float = 0) -> list[str]:
        caplog.clear()
        removed = []
        console = Console(SimpleNamespace(remove_callback=removed.append), weighed)
        assert removed == [PrinterCallback, ProgressCallback]
        settings = SimpleNamespace(warmup_steps=warmup_steps, learning_rate=2e-5)
        state = SimpleNamespace(global_step=0, max_steps=32, is_world_process_zero=True)
        with caplog.at_level(logging.INFO):
            console.on_log(None, state, None, logs=PROBE)  # the probe before the first step is logged first
            console.on_train_begin(settings, state, None)
            for step in range(1, 33):
                state.global_step = step
                console.on_step_end(None, state, None)
                if step % 5 == 0:
                    console.on_log(None, state, None, logs=STEP)
                if step % 16 == 0:
                    console.on_log(None, state, None, logs=PROBE)
            console.on_train_end(None, state, None)
        return [record.getMessage() for record in caplog.records]

    return train


def test_a_line_a_probe_with_the_latest_means(shown):
    first, middle, last = shown(weighed=True)
    assert first == "step 0 of 32; probe: 48 % Yes, balanced accuracy 61 %"
    assert middle.startswith("step 16 of 32; loss 0.734, lambda 0.08, p(answer) 0.52; probe: 48 % Yes")
    assert middle.endswith(" left") and last.endswith("accuracy 61 %")


def test_a_rate_that_is_never_reached_is_said(shown):
    assert len(shown(True, warmup_steps=32)) == len(shown(True, warmup_steps=0.5)) == 3
    assert (
        shown(True, warmup_steps=1000)[1]
        == "training.warmup_steps=1000, but the training has 32 steps: its learning rate does not reach 2e-05"
    )


def test_lambda_is_not_shown_where_it_weighs_nothing(shown):
    assert all("lambda" not in line for line in shown(weighed=False))
