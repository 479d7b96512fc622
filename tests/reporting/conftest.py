"""Synthetic results folders with the layout that train.py and evaluate.py write."""

import functools
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from records.run_settings import settings_hash
from reporting import tables
from scoring.metrics import best_threshold
from scoring.rows import SCORER_VERSION, metrics_rows

MADE = tempfile.TemporaryDirectory()  # goes with this process
RELEASED = {  # split: task, share of Yes labels as published
    "length": ("transitivity", 1.0),
    "branching": ("dseparation", 0.0196),
    "reversed": ("transitivity", 0.0226),
    "shuffled": ("transitivity", 0.0015),
    "long_names": ("transitivity", 0.3436),
}
CORRECTED = {
    "transitivity": ("in_distribution", "length", "reversed", "shuffled", "long_names"),
    "dseparation": ("in_distribution", "branching", "long_names"),
}
FAMILIES = ("edge_cut", "edge_reversed", "fork_against_chain", "collider_opened", "mediator_conditioned")
# variant: task, how well the margin separates Yes from No (in standard deviations), shift of the margin
BEHAVIOUR = {
    "pretrained": (None, 0.1, 0.6),
    "transitivity_ce": ("transitivity", 1.8, 8.0),
    "dseparation_ce": ("dseparation", 0.0, -9.0),
    "transitivity_semantic": ("transitivity", 2.4, 0.0),
    "dseparation_semantic": ("dseparation", 1.6, -0.3),
}


def answer(rng, labels, strength, shift, difficulty=0.0):
    return (rng.normal(size=len(labels)) + strength * (labels - 0.5) * np.exp(-difficulty) * 2 + shift) * 1.5


def items(rng, task, protocol, split, n, yes_share):
    """Margins table without margins: two questions on each graph, with the strata of the corrected suites."""
    yes = np.zeros(n, dtype=bool)
    yes[: round(n * yes_share)] = True
    labels = rng.permutation(yes)
    frame = pd.DataFrame({"label": labels})
    frame.insert(0, "id", [f"{task}-{protocol}-{split}-0-{i // 2:06d}-{i % 2}" for i in range(n)])
    frame.insert(1, "graph", frame["id"].str.rsplit("-", n=1).str[0])
    frame["task"], frame["protocol"], frame["split"] = task, protocol, split
    frame["stratum/distance"] = rng.integers(1, 6, size=n)
    if protocol == "corrected":  # a yardstick that knows a little
        noise = np.random.default_rng(len(split)).normal(size=n)
        frame["yardstick/local_features"] = 0.5 * (2 * labels - 1) / 2 + noise
    if task == "transitivity":
        frame["stratum/chain_length"] = rng.integers(3, 16, size=n)
    else:
        frame["stratum/given_size"] = rng.integers(0, 4, size=n)
        frame["stratum/pattern"] = rng.choice(["chain", "fork", "collider", "descendant"], size=n)
    return frame


def adversarial_items(rng, task, n):
    frame = items(rng, task, "corrected", "adversarial", n, 0.5)
    frame["label"] = np.arange(n) % 2 == 0
    frame["stratum/pair"] = [f"{task}-{i // 2}" for i in range(n)]
    frame["stratum/family"] = [FAMILIES[(i // 2) % len(FAMILIES)] for i in range(n)]
    return frame


def write_evaluation(folder: Path, suite: str, margins: pd.DataFrame, threshold: float) -> None:
    folder = folder / "evaluation" / suite
    folder.mkdir(parents=True)
    thresholds = dict.fromkeys(CORRECTED, threshold)
    by_protocol = [metrics_rows(part, thresholds, resamples=100) for _, part in margins.groupby("protocol", sort=False)]
    rows = [row for rows in by_protocol for row in rows]
    prints = {"/".join(part): f"{len(items)}" for part, items in margins.groupby(["task", "split"], sort=False)}
    report = {"suite": suite, "scorer": SCORER_VERSION, "rows": rows, "data_fingerprint": prints}
    (folder / "metrics.json").write_text(json.dumps(report), encoding="utf-8")
    margins.to_parquet(folder / "margins.parquet")


def write_run(results: Path, variant: str, seed: int = 0, n: int = 120, steps: int = 40, **info) -> Path:
    """One finished run folder; `info` overrides fields of run.json, or gives those of `write_config`.

    Its bytes depend on the arguments alone.
    """
    task, *_ = BEHAVIOUR.get(variant, (info.get("task"), 1.0, 0.0))
    settings = {name: info.pop(name) for name in [*info] if name in SETTINGS}
    record = {
        "status": "finished", "variant": variant, "task": task, "seed": seed, "grid": None, "commit": "0123456789abcdef", "versions": {}, "machine": {}, "command": "python train.py",
        "seconds": {"train": 60.0, "score": 12.5}, "data_fingerprint": {},
        "training": {"samples": 100, "yes_share": 0.632 if task == "transitivity" else 0.117, "steps": steps},
    } | info  # fmt: skip
    folder = write_config(results, variant, seed, task=task, **settings)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    if record["status"] != "finished":
        return folder

    scored = _scored(variant, task, seed, n, steps)
    shutil.copytree(scored / "evaluation", folder / "evaluation")
    if task is not None:
        shutil.copy(scored / "training_log.jsonl", folder)
    return folder


@functools.cache
def _scored(variant, task, seed, n, steps) -> Path:
    """evaluation/ and training_log.jsonl of a run, made once for all that have them: they depend on nothing else."""
    _, strength, shift = BEHAVIOUR.get(variant, (task, 1.0, 0.0))
    folder = Path(tempfile.mkdtemp(dir=MADE.name))
    suite_rng = np.random.default_rng(7)  # every run answers the same items
    published = [items(suite_rng, task_, "released", split, n, share) for split, (task_, share) in RELEASED.items()]
    corrected = [
        items(suite_rng, task_, "corrected", split, n, 0.5) for task_, splits in CORRECTED.items() for split in splits
    ]
    adversarial = [adversarial_items(suite_rng, task_, n) for task_ in CORRECTED]
    rng = np.random.default_rng([seed, len(variant), *variant.encode()])
    validation = np.arange(400) % 2 == 0
    threshold = best_threshold(validation, answer(rng, validation, strength, shift))
    suites = {"published": published, "corrected": corrected, "adversarial": adversarial}
    for suite, frames in suites.items():
        for frame in frames:
            own = task is None or frame["task"].iloc[0] == task
            difficulty = frame["stratum/distance"] * 0.12
            frame["margin"] = answer(rng, frame["label"], strength if own else 0.1, shift, difficulty)
            frame["margin"] = frame["margin"].astype(np.float32)
        write_evaluation(folder, suite, pd.concat(frames, ignore_index=True), threshold)
    if task is not None:
        write_log(folder / "training_log.jsonl", variant, steps, rng)
    return folder


def write_log(path: Path, variant: str, steps: int, rng) -> None:
    lines = []
    for step in range(1, steps + 1):
        progress = step / steps
        answer_loss = float(0.7 * np.exp(-2 * progress) + 0.05 * rng.random())
        line = {"step": step, "progress": progress, "lambda": 0.0, "loss": answer_loss, "loss/answer": answer_loss}
        if "semantic" in variant:
            line |= {"lambda": 0.05 + 0.25 * progress, "loss/semantic": answer_loss * 0.8}
        lines.append(line)
        if step % 5 == 0:
            share = float(np.clip(0.5 + 0.5 * progress * ("ce" in variant) + 0.05 * rng.random(), 0.5, 1))
            probe = {
                "yes_rate": share,
                "majority_share": share,
                "balanced_accuracy": 0.5 + 0.4 * (1 - share) * 2,
                "auroc": 1 - share / 2,
            }
            lines.append({"step": step, "progress": progress} | {f"probe/{k}": v for k, v in probe.items()})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


SETTINGS = ("protocol", "scale", "model", "loss", "schedule", "samples", "questions_per_graph", "data")
LOSSES = {
    "ce": {"_target_": "losses.CrossEntropy", "target": "sequence", "class_weights": None},
    "semantic": {"_target_": "losses.Semantic", "base": "released", "class_weights": None},
}
LINEAR = {"_target_": "schedulers.Linear", "start": 0.05, "end": 0.3}


def write_config(
    results: Path, variant: str, seed: int = 0, task=None, protocol="corrected", scale="smoke", model="tiny", loss=None,
    schedule=None, samples=100, questions_per_graph=1, data=None,
) -> Path:  # fmt: skip
    """Make the folder of a run and its config.yaml, the settings that the reporting asks for; return the folder."""
    config = {
        "variant": variant, "protocol": protocol, "scale": scale, "seed": seed, "model": {"name": model},
        "task": {"name": task or "transitivity", "questions_per_graph": questions_per_graph},
        "training": {"enabled": task is not None, "samples": samples}, "data": data or {},
        "loss": loss or LOSSES[variant.split("_")[-1] if variant.split("_")[-1] in LOSSES else "ce"],
        "schedule": schedule or LINEAR,
    }  # fmt: skip
    folder = results / "runs" / model / variant / settings_hash(config) / f"seed{seed}"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def write_unfinished_run(results: Path, variant: str, seed: int = 0) -> Path:
    """The folder of a run that has only begun: its config, as train.py saves it, and no record."""
    return write_config(results, variant, seed, task=variant.split("_")[0], protocol="released")


@pytest.fixture
def make_unfinished_run():
    """The function `write_unfinished_run`."""
    return write_unfinished_run


@pytest.fixture
def make_run():
    """The function `write_run`, for tests that need one particular folder."""
    return write_run


@pytest.fixture(scope="session")
def five_variants(tmp_path_factory) -> Path:
    """A results folder: five variants, two seeds of the transitivity ones, one failed run. Read only."""
    results = tmp_path_factory.mktemp("results")
    for variant in BEHAVIOUR:
        for seed in (0, 1) if variant.startswith("transitivity") else (0,):
            write_run(results, variant, seed)
    write_run(results, "dseparation_ce", 1, status="failed")
    return results


@pytest.fixture(scope="session")
def made(five_variants):
    """Name -> frame of every table of `five_variants`. Read only."""
    return tables(five_variants)
