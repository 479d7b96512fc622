"""An adapter to be committed and shared: bf16, with its settings and a model card; `evaluate.py` scores it as any run.

    python -m training.export_adapter run=results/runs/...               RUN/adapter → results/adapters/VARIANT
    python -m training.export_adapter run=results/runs/... step=8000     that of a checkpoint of an unfinished run
    python evaluate.py run=results/adapters/transitivity_semantic suite=published

Rounding to bf16 halves the file (rank 32 on Gemma 3 270M: 15 MB) and changes what is computed in bf16 by nothing: there the
adapter is rounded in every pass (models/adapters.py).
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from input_output.command_line import read_settings, whole
from input_output.reading import PLAIN_NAME, read_json, shortened
from input_output.writing import write_json, write_text
from models.loading import terms_of
from records.checkpoints import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from records.model_card import model_card
from records.run_folder import RunFolder, RunFolderError


def write_adapter(source: Path, target: Path) -> None:
    """Write the adapter of ``source`` to the folder ``target``, weights in bf16."""
    target.mkdir(parents=True, exist_ok=True)
    weights = {name: value.to(torch.bfloat16) for name, value in load_file(source / ADAPTER_WEIGHTS).items()}
    save_file(weights, target / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = read_json(source / ADAPTER_CONFIG)
    # Where the base model lay on this machine is nobody else's business.
    config["base_model_name_or_path"] = Path(config["base_model_name_or_path"] or "").name
    write_json(target / ADAPTER_CONFIG, config)


def export_adapter(run: RunFolder, step: int | None, root: Path) -> Path:
    """Write root/VARIANT: the run's settings, the adapter of its end or of a checkpoint, and the card.

    Raises RunFolderError if there is no adapter, no checkpoint of that step, a variant whose name would leave ``root``, or
    something other than an exported adapter where it would go.
    """
    settings = run.trained_with()
    variant = settings.get("variant")
    if not (isinstance(variant, str) and PLAIN_NAME.fullmatch(variant)):
        raise RunFolderError(f"{run.config}: variant is {shortened(variant)}; expected a plain name, as of a folder")
    source = run.adapter_of(step)
    if not (source / ADAPTER_WEIGHTS).is_file():
        raise RunFolderError(f"{source}: no {ADAPTER_WEIGHTS} there; train the run first, or give step=")
    target = RunFolder(root / variant)
    if target.path.exists() and not (target.adapter / ADAPTER_WEIGHTS).is_file():
        raise RunFolderError(f"{target.path}: no exported adapter, so it is not replaced; choose another out=")
    aside = target.path.with_name(f".{target.path.name}-unfinished")
    shutil.rmtree(aside, ignore_errors=True)
    write_adapter(source, RunFolder(aside).adapter)
    shutil.copy(run.config, RunFolder(aside).config)
    progress = run.progress(step)
    done = f"step {progress['step']:,} of {progress['steps']:,}" if progress else "finished"
    write_text(aside / "README.md", model_card(settings, terms_of(settings.model), done))
    shutil.rmtree(target.path, ignore_errors=True)
    aside.rename(target.path)
    return target.path


def main(arguments: Sequence[str]) -> int:
    try:
        defaults = {"step": "-1", "out": "results/adapters"}
        settings = read_settings(arguments, defaults, required=("run",), usage=__doc__)
        step = whole(settings, "step")
        written = export_adapter(RunFolder(settings["run"]), None if step < 0 else step, Path(settings["out"]))
    except (ValueError, RunFolderError) as error:
        print(f"export_adapter: {error}", file=sys.stderr)
        return 2
    print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
