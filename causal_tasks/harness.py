"""Suites as tasks of EleutherAI's lm-evaluation-harness (https://github.com/EleutherAI/lm-evaluation-harness).

A folder of one YAML and one JSON-lines file per suite, a group over all of them, and the aggregation of MCC: the
harness's own would bootstrap a standard error for minutes a task. Run it from inside the folder:

    lm_eval --include_path . --tasks causal_questions --model hf --model_args pretrained=MODEL --apply_chat_template

The prompt is the published one, in one user turn; the answer is the larger of the log-likelihoods of Yes and No,
as in this repository's own scoring.
"""

from collections.abc import Iterable
from pathlib import Path

import yaml

from causal_tasks.files import write_jsonl
from causal_tasks.items import Item
from causal_tasks.questions import PROMPT

GROUP = "causal_questions"
AGGREGATION = """from sklearn.metrics import matthews_corrcoef


def mcc(pairs):
    labels, answers = zip(*pairs)
    return float(matthews_corrcoef(labels, answers))
"""
VERSION = 1.0


class _Function(str):
    """MODULE.NAME, a function in a module beside the YAML; written with the harness's tag for it."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Function, lambda dumper, name: dumper.represent_scalar("!function", name))


def task_name(task: str, protocol: str, split: str) -> str:
    return f"causal_{task}_{protocol}_{split}"


def write_harness_tasks(parts: dict[tuple[str, str, str], Iterable[Item]], folder: str | Path) -> list[str]:
    """Write the folder and return the names of its tasks; the same items give the same bytes.

    Raises:
        OSError: the folder cannot be made or written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "aggregation.py").write_text(AGGREGATION, encoding="utf-8")
    names = []
    for part, items in parts.items():
        name = task_name(*part)
        write_jsonl(items, folder / f"{name}.jsonl")
        _write_yaml(folder / f"{name}.yaml", _definition(name))
        names.append(name)
    _write_yaml(folder / f"{GROUP}.yaml", {"group": GROUP, "task": names, "metadata": {"version": VERSION}})
    return names


def _definition(name: str) -> dict:
    return {
        "task": name,
        "dataset_path": "json",
        # relative: the harness reads it from the folder it is started in
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": PROMPT.format(premise="{{premise}}", hypothesis="{{hypothesis}}"),
        "doc_to_choice": ["Yes", "No"],
        "doc_to_target": "label",
        # the answer follows the chat template's own opening of the model's turn
        "target_delimiter": "",
        "num_fewshot": 0,
        "metric_list": [
            {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
            {"metric": "mcc", "aggregation": _Function("aggregation.mcc"), "higher_is_better": True},
        ],
        "metadata": {"version": VERSION},
    }


def _write_yaml(path: Path, content: dict) -> None:
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    path.write_text(text, encoding="utf-8")
