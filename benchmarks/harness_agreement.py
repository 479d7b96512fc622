"""Do EleutherAI's lm-evaluation-harness and this repository's scorer give the same verdicts?

    python -m benchmarks.harness_agreement [model=smollm2_135m] [n=250] [out=results/benchmarks]

Exports n adversarial questions of each task for the harness, lets it answer them in fp32, and scores the same file
here. Writes harness_agreement.json and .md: verdicts that agree, and the largest difference of a margin. The command
`lm_eval` must be on the PATH; it is no requirement of this repository, and `pip install "lm_eval[hf]"` into an
environment of its own, whose bin/ comes last in PATH, is enough.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measuring import configuration
from benchmarks.peers import ask_harness, harness_margins, weights_for_peers
from causal_tasks.files import read_jsonl
from causal_tasks.harness import task_name, write_harness_tasks
from causal_tasks.questions import TASKS
from causal_tasks.suites import build
from input_output.errors import SettingsError
from models.loading import load_answerer
from records.reports import report_command
from scoring.scorer import score

COMMAND = "lm_eval"
DEFAULTS = {"model": "smollm2_135m", "n": "250", "out": "results/benchmarks"}


def agreement(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict:
    """Questions, verdicts that agree, and the largest difference of a margin.

    Raises:
        ValueError: the two answered different questions.
    """
    if set(ours) != set(theirs):
        raise ValueError(f"{len(set(ours) ^ set(theirs))} questions were answered by one of the two only")
    return {
        "questions": len(ours),
        "verdicts_that_agree": sum((ours[question] >= 0) == (theirs[question] >= 0) for question in ours),
        "largest_margin_difference": max(abs(ours[question] - theirs[question]) for question in ours),
    }


def measure(settings: dict) -> dict:
    """One row a task, with what was compared."""
    if shutil.which(COMMAND) is None:
        raise SettingsError(f"the command {COMMAND} is not on the PATH")
    cfg = configuration(settings["model"], "model.precision=fp32", script="evaluate")
    answerer, loaded = load_answerer(cfg.model)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        parts = {
            (task, "corrected", "adversarial"): build(task, "corrected", "adversarial", settings["n"], 0)
            for task in TASKS
        }
        write_harness_tasks(parts, folder)
        weights = weights_for_peers(answerer, cfg.model, folder / "weights")
        version, _ = ask_harness(Path(shutil.which(COMMAND)), weights, folder)
        rows = []
        for part in parts:
            items = read_jsonl(folder / f"{task_name(*part)}.jsonl")
            asked = [question.id for item in items for question in item.questions]
            ours = dict(zip(asked, score(answerer, items, cfg.evaluation.token_budget).tolist(), strict=True))
            rows.append({"suite": "/".join(part)} | agreement(ours, harness_margins(folder, task_name(*part))))
    return {"rows": rows, "loaded": loaded, "harness": f"lm_eval {version}"}


def markdown(result: dict) -> str:
    lines = ["# The lm-evaluation-harness and evaluate.py on the same questions", ""]
    lines += ["| suite | questions | verdicts that agree | largest margin difference |", "|---|---|---|---|"]
    for row in result["rows"]:
        counts = f"{row['questions']} | {row['verdicts_that_agree']} | {row['largest_margin_difference']:.1e}"
        lines.append(f"| {row['suite']} | {counts} |")
    lines += ["", f"{result['loaded']['source']} in {result['loaded']['precision']}; {result['harness']}.", ""]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    return report_command("benchmarks.harness_agreement", arguments, DEFAULTS, measure, markdown, {"n": 1})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
