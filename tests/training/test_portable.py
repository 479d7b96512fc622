"""What a checkpoint's portable form keeps of the device that it was written on."""

import json
import random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.trainer_pt_utils import safe_globals

from records.checkpoints import ADAPTER_CONFIG, ADAPTER_WEIGHTS, COMPLETE, LOSS_WEIGHTS, SCHEDULE_STATE, TRAINER_STATE
from training.portable import MOMENTS, STATE, NotUnpacked, pack_checkpoint, unpack_checkpoint

OF_GPU = torch.arange(16, dtype=torch.uint8)
MOMENT = torch.tensor([0.5, -0.25])


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A function: what the Trainer keeps of GPU generators → the folder of a checkpoint as a training on a GPU writes it."""

    def write(**of_gpu):
        folder = tmp_path / "checkpoint-3"
        folder.mkdir()
        save_file({"lora": torch.ones(2)}, folder / ADAPTER_WEIGHTS)
        (folder / ADAPTER_CONFIG).write_text(json.dumps({"base_model_name_or_path": "base"}))
        (folder / TRAINER_STATE).write_text(json.dumps({"global_step": 3}))
        for name in (SCHEDULE_STATE, LOSS_WEIGHTS):
            (folder / name).write_text("{}")
        states = {"python": random.getstate(), "numpy": np.random.get_state(), "cpu": torch.get_rng_state()}
        torch.save(states | of_gpu, folder / "rng_state.pth")
        torch.save({"last_epoch": 3}, folder / "scheduler.pt")
        with monkeypatch.context() as patch:  # where the moments lie when a GPU trains
            patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
            moments = {0: {"step": torch.tensor(3.0), "exp_avg": MOMENT}}
            torch.save({"state": moments, "param_groups": [{"params": [0]}]}, folder / "optimizer.pt")
        return folder

    return write


@pytest.mark.parametrize("of_gpu", [{"cuda": OF_GPU}, {"cuda": [OF_GPU, OF_GPU + 1]}, {}])
def test_a_checkpoint_of_a_gpu_is_packed_without_one_and_its_generator_goes_along(checkpoint, tmp_path, of_gpu):
    portable = pack_checkpoint(checkpoint(**of_gpu), tmp_path / "portable")
    kept = load_file(portable / MOMENTS)
    assert set(kept) == {"0/exp_avg", "torch_generator", *(["cuda_generator"] if of_gpu else [])}
    unpacked = unpack_checkpoint(portable, tmp_path / "checkpoints")
    assert torch.equal(torch.load(unpacked / "optimizer.pt", weights_only=True)["state"][0]["exp_avg"], MOMENT)
    with safe_globals():
        states = torch.load(unpacked / "rng_state.pth", weights_only=True)
    assert torch.equal(states["cpu"], kept["torch_generator"])
    assert torch.equal(states["cuda"], OF_GPU) if of_gpu else "cuda" not in states


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("name", [ADAPTER_WEIGHTS, MOMENTS, STATE, TRAINER_STATE])
def test_a_damaged_one_is_a_line_that_names_the_file_and_leaves_nothing(checkpoint, tmp_path, name, sealed):
    portable = pack_checkpoint(checkpoint(), tmp_path / "portable")
    (portable / name).write_bytes((portable / name).read_bytes()[:-9])
    if not sealed:  # as in git, from before there were seals
        (portable / COMPLETE).unlink()
    with pytest.raises(
        NotUnpacked, match=f"{portable}: no checkpoint can be made of it .*{name}.* by git, or move it away"
    ):
        unpack_checkpoint(portable, tmp_path / "checkpoints")
    assert not list(tmp_path.glob("checkpoints/.*"))
