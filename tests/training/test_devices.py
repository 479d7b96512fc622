"""What the Trainer is told: the settings of the config, the seed, and one device however many it sees."""

import pytest
import torch

from models.loading import load_answerer
from records.run_folder import RunFolder
from training.fine_tune import _arguments


def test_a_machine_of_several_gpus_does_not_split_batches_over_them(composed, tmp_path, monkeypatch):
    """The Trainer would make nn.DataParallel of them, and batches that are several times as large."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    cfg = composed("scale=smoke")
    arguments = _arguments(cfg, RunFolder(tmp_path), torch.device("cuda"))
    assert arguments.n_gpu == 1 and arguments.train_batch_size == cfg.training.batch_size
    assert _arguments(cfg, RunFolder(tmp_path), torch.device("cpu")).n_gpu == 0


@pytest.mark.parametrize("experiment", ["transitivity_ce", "dseparation_ce", "transitivity_semantic"])
def test_the_optimiser_has_the_settings_of_the_config(composed, tmp_path, experiment):
    cfg = composed(f"experiment={experiment}", "scale=paper", "model=gemma3_270m", "seed=7")
    arguments, settings = _arguments(cfg, RunFolder(tmp_path), torch.device("cpu")), cfg.training
    assert arguments.learning_rate == settings.learning_rate
    assert arguments.lr_scheduler_type.value == settings.learning_rate_schedule
    assert arguments.warmup_steps == settings.warmup_steps
    assert arguments.weight_decay == settings.weight_decay == 0.01
    assert arguments.max_grad_norm == settings.max_gradient_norm
    assert arguments.gradient_accumulation_steps == settings.accumulation
    passes = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    assert passes * cfg.task.questions_per_graph == settings.batch_size
    assert (arguments.num_train_epochs, arguments.seed) == (settings.epochs, 7)


def test_each_seed_begins_with_another_adapter(composed):
    cfg = composed("scale=smoke")
    first, again, other = (load_answerer(cfg.model, lora=cfg.lora, seed=seed)[0].fingerprint() for seed in (0, 0, 1))
    assert first == again != other
