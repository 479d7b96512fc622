"""At which size does an adapter survive a merge into the 4-bit base? A trained adapter, made larger (audit A10).

    python -m benchmarks.merge_survival run=results/runs/... [step=3000] [sizes=0.005,0.01,0.02,0.05,0.1,0.2]

Multiplies the adapter of a run, or of its checkpoint, so that σ(ΔW)/σ(W), mean over modules, has each of the sizes, and
measures the share of ΔW, along its own direction, that is left when it is merged and rounded to nf4 again. Writes
merge_survival.json and .md into out=, by default results/benchmarks.
"""

import sys
from collections.abc import Sequence

import torch

from input_output.command_line import decimals
from models.adapters import adapter_size, lora_layers
from models.loading import load_answerer
from records.reports import report_command
from records.run_folder import RunFolder

DEFAULTS = {"step": "-1", "sizes": "0.005,0.01,0.02,0.05,0.1,0.2", "out": "results/benchmarks"}


def measure(settings: dict) -> dict:
    """Model, variant, step, and a row (relative_size, surviving_share) for the adapter as it is and for each size."""
    step = None if settings["step"] < 0 else settings["step"]
    sizes = decimals(settings, "sizes")
    run = RunFolder(settings["run"])
    model = run.trained_with().model
    answerer, _ = load_answerer(model, adapter=run.adapter_of(step))
    adapted = answerer.language_model
    answerer.float()  # a product of bf16 numbers would not scale exactly
    rows = [adapter_size(adapted)]
    for size in sizes:
        factor = size / rows[-1]["relative_size"]
        for _, layer in lora_layers(adapted):
            with torch.no_grad():
                layer.lora_B[adapted.active_adapter].weight.mul_(factor)
        rows.append(adapter_size(adapted))
    return {"model": model.name, "variant": run.trained_with().variant, "step": step, "rows": rows}


def markdown(result: dict) -> str:
    lines = ["# What a merge into 4 bit leaves of an adapter, by its size", ""]
    lines += ["| σ(ΔW)/σ(W) | surviving share |", "|---|---|"]
    lines += [f"| {row['relative_size']:.4f} | {row['surviving_share']:.3f} |" for row in result["rows"]]
    step = "" if result["step"] is None else f", step {result['step']:,}"
    lines += [
        "",
        f"{result['model']}, the adapter of {result['variant']}{step}; the first row is the adapter as it is.",
        "Computed in fp32, so that a multiple is exact; FORENSICS.md has the shares in the run's own precision (bf16), which are about a",
        "tenth smaller.",
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    asked = {"numbers": {"step": -1}, "required": ("run",), "usage": __doc__}
    return report_command("benchmarks.merge_survival", arguments, DEFAULTS, measure, markdown, **asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
