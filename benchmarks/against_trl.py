"""Seconds of an optimisation step of `train.py`, against TRL's SFTTrainer on the same questions.

    python -m benchmarks.against_trl model=gemma3_270m trl=PYTHON            5 steps of 16 questions each
    python -m benchmarks.against_trl model=tiny batch=2 steps=2 trl=PYTHON out=DIR

PYTHON is the interpreter of an environment with trl and peft; without it nothing is measured. Cross-entropy on the answer alone,
completion-only there (benchmarks/trl_step.py), the same base, adapters, precision, learning rate and batches, step by step; TRL once
with the attention that it takes by itself (sdpa) and once with the one that is faster here on a CPU (eager). Whole Trainers, with data
loading and logging, one training after the other; the first step and the last are left out. Writes against_trl_MODEL.json and .md
into out=, by default results/benchmarks.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from benchmarks.measuring import command, comparison, comparison_table, configuration, measured_on
from benchmarks.peers import ATTENTIONS, find, run_peer, weights_for_peers
from benchmarks.training_cases import CASES
from models.answerer import Answerer
from models.loading import load_answerer
from models.prompts import PromptFormat
from records.run_folder import RunFolder
from training.batches import GraphDataset
from training.building import build_loss, build_schedule
from training.fine_tune import fine_tune, training_items
from training.sampling import LengthGroupedSampler

NAME = "against_trl"
DEFAULTS = {"model": "gemma3_270m", "batch": "16", "steps": "5", "trl": "", "out": "results/benchmarks"}
WEIGHTS, QUESTIONS = "weights", "questions.jsonl"
_SCRIPT = Path(__file__).with_name("trl_step.py")
# The first step is left out, and the last, after which a training looks at its probe.
_LEFT_OUT = 2
_LOGGED = ("training.log_every=1", "training.checkpoint_every=1000000", "probe.samples=4", "probe.every=1000000")


class StepTimes:
    """In the Tracker's place: when each step was logged."""

    def __init__(self):
        self.ends: list[float] = []

    def log(self, entry: dict, step: int) -> None:
        if "loss" in entry:
            self.ends.append(time.perf_counter())

    def summary(self, values: dict) -> None:
        """What is final is no step."""

    @property
    def seconds(self) -> list[float]:
        return [after - before for before, after in zip(self.ends, self.ends[1:])][:-1]


def our_steps(cfg: DictConfig, answerer: Answerer, folder: Path) -> list[float]:
    """Seconds of the steps between the first and the last of a training by ``training.fine_tune``."""
    times = StepTimes()
    fine_tune(cfg, answerer, build_loss(cfg), build_schedule(cfg), RunFolder(folder), times)
    return times.seconds


def turns(cfg: DictConfig, prompt_format: PromptFormat) -> list[dict]:
    """The training questions as TRL's chat turns, in the order in which a training here takes them: batches of similar length."""
    items = training_items(cfg)
    lengths = GraphDataset(items, prompt_format, answered=False).lengths
    order = LengthGroupedSampler(lengths, cfg.training.batch_size, cfg.seed)
    asked = [(items[i].premise, question) for i in order for question in items[i].questions]
    return [
        {
            "prompt": [
                {
                    "role": "user",
                    "content": prompt_format.instruction.format(premise=premise, hypothesis=question.hypothesis),
                }
            ],
            "completion": [{"role": "assistant", "content": "Yes" if question.label else "No"}],
        }
        for premise, question in asked
    ]


def ask_trl(program: Path, cfg: DictConfig, precision: str, attention: str, folder: Path) -> dict:
    """What trl_step.py says of the same batches: seconds of each step, versions. folder: with weights and questions in it."""
    training = OmegaConf.to_container(cfg.training, resolve=True)
    asked = {key: training[key] for key in ("batch_size", "learning_rate", "weight_decay", "max_gradient_norm")}
    asked |= {
        "model": str(folder / WEIGHTS),
        "questions": str(folder / QUESTIONS),
        "folder": str(folder / "trl"),
        "seed": cfg.seed,
    }
    asked |= {"precision": precision, "attention": attention, "lora": OmegaConf.to_container(cfg.lora, resolve=True)}
    request = folder / "asked.json"
    request.write_text(json.dumps(asked), encoding="utf-8")
    return json.loads(run_peer([str(program), str(_SCRIPT), str(request)], folder).stdout.splitlines()[-1])


def measure(settings: dict) -> dict | None:
    """None where TRL is not there."""
    program = find("trl", settings["trl"])
    if program is None:
        return None
    sizes = (
        f"training.batch_size={settings['batch']}",
        f"training.samples={settings['batch'] * (settings['steps'] + _LEFT_OUT)}",
    )
    cfg = configuration(settings["model"], *CASES["answer cross-entropy"], *sizes, *_LOGGED)
    answerer, loaded = load_answerer(cfg.model, cfg.lora, seed=cfg.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        base, _ = load_answerer(cfg.model)
        weights_for_peers(base, cfg.model, folder / WEIGHTS)
        del base
        lines = (json.dumps(one) + "\n" for one in turns(cfg, answerer.prompt_format))
        (folder / QUESTIONS).write_text("".join(lines), encoding="utf-8")
        ours = [settings["batch"] / seconds for seconds in our_steps(cfg, answerer, folder / "ours")]
        case, rows = f"training, answer cross-entropy in the whole Trainer, batch {settings['batch']}", []
        for attention in ATTENTIONS:
            found = ask_trl(program, cfg, loaded["precision"], attention, folder)
            theirs = [settings["batch"] / seconds for seconds in found["seconds"]]
            peer = f"SFTTrainer, trl {found['trl']}, {attention}, {loaded['precision']}"
            rows.append(comparison(case, "questions/s", ours, peer, theirs))
    return {"loaded": loaded, "rows": rows, "peer_transformers": found["transformers"]}


def markdown(result: dict) -> str:
    lines = [
        f"# Training against TRL: {result['model']}",
        "",
        comparison_table(result["rows"]),
        "",
        "Both take the same batches in the same order; the trainings run one after the other, not in turn. On a CPU TRL's head takes every "
        "position through the vocabulary, its backward product in fp32; ours takes those of the answers alone, as TRL's does on a GPU.",
        "",
        measured_on(result),
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    return command(NAME, arguments, DEFAULTS, ("batch", "steps"), measure, markdown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
