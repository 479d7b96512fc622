"""An adapter to be committed and shared: bf16, with its settings and a model card; `evaluate.py` scores it as any run.

    python -m training.export_adapter run=results/runs/...               RUN/adapter → results/adapters/VARIANT
    python -m training.export_adapter run=results/runs/... step=8000     that of a checkpoint of an unfinished run
    python -m training.export_adapter run=results/runs/... rank=32       a smaller file: the nearest adapter of that rank
    python evaluate.py run=results/adapters/transitivity_semantic suite=published

Rounding to bf16 halves the file (rank 32 on Gemma 3 270M: 15 MB) and changes what is computed in bf16 by nothing: there the
adapter is rounded in every pass (models/adapters.py). A lower rank does change it: the card says how much of its change of the
model is kept.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

from input_output.command_line import read_settings, whole
from input_output.reading import PLAIN_NAME, read_json, shortened
from input_output.writing import write_json, write_text
from models.loading import terms_of
from records.checkpoints import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from records.model_card import model_card
from records.run_folder import RunFolder, RunFolderError
from training.lower_rank import lower_rank


def write_adapter(source: Path, target: Path, rank: int | None = None) -> float:
    """Write the adapter of ``source`` to the folder ``target``, weights in bf16, of a lower rank if one is given.

    Returns the share of its squared change of the model that is kept, but for the rounding; raises ValueError for a rank that
    is not lower.
    """
    weights, kept = load_file(source / ADAPTER_WEIGHTS), 1.0
    config = read_json(source / ADAPTER_CONFIG)
    if rank is not None:
        if rank >= config["r"]:
            raise ValueError(f"rank={rank}: must be below the adapter's own, {config['r']}")
        weights, kept = lower_rank(weights, rank)
        config |= {"r": rank, "lora_alpha": config["lora_alpha"] * rank / config["r"]}
    target.mkdir(parents=True, exist_ok=True)
    rounded = {name: value.to(torch.bfloat16) for name, value in weights.items()}
    save_file(rounded, target / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    # Where the base model lay on this machine is nobody else's business.
    config["base_model_name_or_path"] = Path(config["base_model_name_or_path"] or "").name
    write_json(target / ADAPTER_CONFIG, config)
    return kept


def export_adapter(run: RunFolder, step: int | None, root: Path, rank: int | None = None) -> Path:
    """Write root/VARIANT: the run's settings, the adapter of its end or of a checkpoint, and the card.

    rank: a lower one than it was trained with; the settings then have it, and the card both.

    Raises ValueError for a rank that is not lower; RunFolderError if there is no adapter, no checkpoint of that step, a variant
    whose name would leave ``root``, or something other than an exported adapter where it would go.
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
    kept = write_adapter(source, RunFolder(aside).adapter, rank)
    progress = run.progress(step)
    done = f"step {progress['step']:,} of {progress['steps']:,}" if progress else "finished"
    if rank is not None:
        done += f"; rank {settings.lora.rank} cut to {rank}, {100 * kept:.2f} % of its squared change kept"
        settings.lora.alpha *= rank / settings.lora.rank
        settings.lora.rank = rank
    OmegaConf.save(settings, RunFolder(aside).config)
    write_text(aside / "README.md", model_card(settings, terms_of(settings.model), done))
    shutil.rmtree(target.path, ignore_errors=True)
    aside.rename(target.path)
    return target.path


def main(arguments: Sequence[str]) -> int:
    try:
        defaults = {"step": "-1", "rank": "-1", "out": "results/adapters"}
        settings = read_settings(arguments, defaults, required=("run",), usage=__doc__)
        step, rank = (None if (given := whole(settings, key)) == -1 else given for key in ("step", "rank"))
        written = export_adapter(RunFolder(settings["run"]), step, Path(settings["out"]), rank)
    except (ValueError, RunFolderError) as error:
        print(f"export_adapter: {error}", file=sys.stderr)
        return 2
    print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
