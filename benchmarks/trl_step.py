"""Seconds of each optimisation step of TRL's SFTTrainer. A script: it runs in TRL's own environment, without this repository.

    PYTHON trl_step.py ASKED.json                 prints JSON: seconds of every step but the first and the last, versions

benchmarks/against_trl.py writes ASKED.json: model (a folder), questions (JSON lines, each a prompt and a completion, lists of
chat turns), folder (for the trainer's files), precision, attention, batch_size, learning_rate, weight_decay,
max_gradient_norm, seed, and lora (rank, alpha, dropout, target_modules).

The questions are taken in the order of their lines. Completion-only: the loss covers the answer and the token that closes its turn. Gradient checkpointing, which TRL turns on by
itself, is off: it is slower and saves memory that is not short here.
"""

import json
import sys
import time
from pathlib import Path

from datasets import Dataset
from peft import LoraConfig
from transformers import TrainerCallback
from transformers import __version__ as transformers_version
from trl import SFTConfig, SFTTrainer
from trl import __version__ as trl_version

PRECISIONS = {"bf16": "bfloat16", "fp32": "float32"}


class StepTimes(TrainerCallback):
    """When each step ended."""

    def __init__(self):
        self.ends = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ends.append(time.perf_counter())


def train(asked: dict) -> list[float]:
    """Seconds of the steps between the first and the last."""
    settings = SFTConfig(
        output_dir=asked["folder"],
        model_init_kwargs={"dtype": PRECISIONS[asked["precision"]], "attn_implementation": asked["attention"]},
        per_device_train_batch_size=asked["batch_size"],
        num_train_epochs=1,
        learning_rate=asked["learning_rate"],
        weight_decay=asked["weight_decay"],
        max_grad_norm=asked["max_gradient_norm"],
        seed=asked["seed"],
        bf16=asked["precision"] == "bf16",
        completion_only_loss=True,
        train_sampling_strategy="sequential",
        gradient_checkpointing=False,
        max_length=None,
        use_cpu=True,
        dataloader_pin_memory=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    lora = asked["lora"]
    adapters = LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=lora["target_modules"],
        task_type="CAUSAL_LM",
    )
    lines = Path(asked["questions"]).read_text(encoding="utf-8").splitlines()
    times = StepTimes()
    trainer = SFTTrainer(
        model=asked["model"],
        args=settings,
        train_dataset=Dataset.from_list([json.loads(line) for line in lines]),
        peft_config=adapters,
        callbacks=[times],
    )
    trainer.train()
    return [after - before for before, after in zip(times.ends, times.ends[1:])][:-1]


if __name__ == "__main__":
    found = {"seconds": train(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))}
    print(json.dumps(found | {"trl": trl_version, "transformers": transformers_version}))
