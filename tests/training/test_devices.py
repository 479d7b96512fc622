"""One process trains on one device, however many it sees."""

import torch

from records.run_folder import RunFolder
from training.fine_tune import _arguments


def test_a_machine_of_several_gpus_does_not_split_batches_over_them(composed, tmp_path, monkeypatch):
    """The Trainer would make nn.DataParallel of them, and batches that are several times as large."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    cfg = composed("scale=smoke")
    arguments = _arguments(cfg, RunFolder(tmp_path), torch.device("cuda"))
    assert arguments.n_gpu == 1 and arguments.train_batch_size == cfg.training.batch_size
    assert _arguments(cfg, RunFolder(tmp_path), torch.device("cpu")).n_gpu == 0
