"""Which learning rate of the short recipe teaches a model: measured on validation, and on nothing else.

    python -m benchmarks.short_learning_rate model=gemma3_270m samples=2048 rates=5e-5,1e-4,2e-4,5e-4
    python -m benchmarks.short_learning_rate model=tiny samples=32 rates=1e-4,1e-3 out=DIR

Trains with cross-entropy on the answer (transitivity, corrected protocol, one question a graph, seed 0, the recipe of conf/recipe/short.yaml) once
for each rate and writes short_learning_rate_MODEL.json and .md into out=, by default results/benchmarks. The best of
them is what conf/model/MODEL.yaml should have as short_learning_rate.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

from input_output.command_line import decimals
from input_output.reading import read_json
from records.reports import report_command
from train import run

CONF = Path(__file__).parents[1] / "conf"
DEFAULTS = {"model": "gemma3_270m", "samples": "2048", "rates": "5e-5,1e-4,2e-4,5e-4", "out": "results/benchmarks"}
MEASURES = ("balanced_accuracy", "auroc", "yes_rate")


def train_once(model: str, samples: int, rate: float, folder: Path) -> dict:
    """One training; returns learning_rate, seconds and MEASURES on the validation questions of transitivity."""
    overrides = [f"model={model}", "loss=cross_entropy", f"training.samples={samples}", "tracking=none"]
    overrides += [
        f"training.learning_rate={rate}",
        f"out={folder}",
        "suites.published.splits=null",
        "suites.corrected.splits=null",
    ]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", overrides=overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    done = run(cfg)
    rows = read_json(done.evaluation("validation") / "metrics.json")["rows"]
    (own,) = (row for row in rows if row["task"] == "transitivity")
    seconds = read_json(done.record)["seconds"]["train"]
    return {"learning_rate": rate, "seconds": seconds, "n": own["n"]} | {name: own[name] for name in MEASURES}


def markdown(result: dict) -> str:
    """The rows as a table, with what they were measured on."""
    lines = [f"# Learning rate of the short recipe: {result['model']}", ""]
    lines += ["| learning rate | balanced accuracy | AUROC | share of Yes | training, s |", "|---|---|---|---|---|"]
    for row in result["rows"]:
        values = " | ".join(f"{row[name]:.3f}" for name in MEASURES)
        lines.append(f"| {row['learning_rate']:.0e} | {values} | {row['seconds']:.0f} |")
    lines += [
        "",
        f"`python -m benchmarks.short_learning_rate model={result['model']} samples={result['samples']}`: {result['samples']} training questions, "
        f"n = {result['rows'][0]['n']} on validation, seed 0, {result['provenance']['machine']['processor']}.",
        "",
    ]
    return "\n".join(lines)


def measure(settings: dict) -> dict:
    rates = decimals(settings, "rates")
    model, samples = settings["model"], settings["samples"]
    with tempfile.TemporaryDirectory() as folder:
        rows = [train_once(model, samples, rate, Path(folder) / str(rate)) for rate in rates]
    return {"model": model, "samples": samples, "rows": rows}


def main(arguments: Sequence[str]) -> int:
    named = {"numbers": {"samples": 1}, "file": "short_learning_rate_{model}"}
    return report_command("benchmarks.short_learning_rate", arguments, DEFAULTS, measure, markdown, **named)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
