"""Load a language model and its tokenizer, with or without a LoRA adapter.

Sources: a local folder or hub id (``name_or_path``), the GGUF file inside PyPI wheels
(``wheel``, models/wheels.py), or the random tiny model for tests (``random_architecture``).
"""

import logging
import os
from pathlib import Path

import torch
from huggingface_hub import try_to_load_from_cache
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from causal_tasks.suites import build
from models.adapters import add_adapters, load_adapters, put_weights
from models.answerer import Answerer
from models.errors import ModelError
from models.prompts import GEMMA_CHAT_TEMPLATE, PromptFormat
from models.quantization import four_bit_layers, keep_exact, quantised_already, require_bitsandbytes, round_to_nf4
from models.tiny import tiny_model, tiny_tokenizer
from models.wheels import dense_copy_of_wheel
from records.checkpoints import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from records.provenance import processor_computes_in_bf16

log = logging.getLogger(__name__)

# Their packed margins are held against plain ones in the tests; others are checked when they are loaded.
TESTED_ARCHITECTURES = ("llama", "gemma3_text")


def load_answerer(
    model,
    lora=None,
    adapter: str | Path | None = None,
    seed: int = 0,
    weights: str = "adapter",
    prompt: str = "benchmark",
) -> tuple[Answerer, dict]:
    """Load what ``model`` (the config group) describes.

    lora: the ``lora`` config node; adds fresh, trainable adapters, initialised from ``seed``.
    adapter: a folder with a saved adapter; loaded for inference. Exclusive with ``lora``.
    weights: how the saved adapter is put to use, one of ``scoring.ways.WEIGHTS``.
    prompt: one of ``models.prompts.PROMPTS``.
    Returns the answerer and what was loaded (source, resolved revision, precision, parameters, and for merged weights
    what the merge left of the adapter).
    Raises ModelError with one line that names the key to change.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    device = choose_device(model.device)
    precision = choose_precision(model.precision, device)
    attention = choose_attention(model.attention, device)
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    quantization = model.quantization
    if quantization != "none":
        require_bitsandbytes(f"model.quantization={quantization}")
    if weights == "merged_4bit":
        require_bitsandbytes("weights=merged_4bit")
    if weights.startswith("merged") and quantization == "4bit":
        quantization = "nf4"  # the same numbers, as weights that can be added to
    torch.manual_seed(seed)
    language_model, tokenizer, source, revision = _load_base(model, device, dtype, attention, quantization)
    commit = _commit_in_the_cache(source, revision) if source and not Path(source).is_dir() else None
    if commit and not revision:
        log.warning(
            "model.revision: none is given, and the hub may change %s; add model.revision=%s, the commit that was loaded and is recorded",
            source,
            commit,
        )
    parameters = language_model.num_parameters()
    language_model.requires_grad_(False)
    left = None
    if adapter is not None:
        if not (Path(adapter) / ADAPTER_WEIGHTS).is_file():
            raise ModelError(f"{adapter}: no {ADAPTER_WEIGHTS} there; train the run first")
        language_model, left = put_weights(load_adapters(language_model, Path(adapter)), weights)
    elif lora is not None:
        language_model = add_adapters(language_model, lora)
    answerer = Answerer(language_model, PromptFormat(tokenizer, prompt)).eval()
    if lora is None:
        answerer.freeze()
    if language_model.config.model_type not in TESTED_ARCHITECTURES:
        # Adapters start at nothing, so this is the base model. A bf16 margin is off by rounding alone.
        try:
            answerer.verify(
                build("transitivity", "corrected", "validation", 8, 0, 4), 1e-3 if precision == "fp32" else 0.5
            )
        except RuntimeError as error:
            raise ModelError(f"model.name_or_path={source}: {error}") from error
    return answerer, {
        # the folder of a wheel's weights is named after their SHA-256
        "source": Path(source).name if model.wheel and not model.name_or_path else str(source or "random tiny model"),
        "revision": revision,
        "commit": commit,
        "precision": precision,
        "attention": answerer.attention,
        "quantization": model.quantization,
        "terms": terms_of(model),
        "adapter": left,
        "device": str(device),
        "parameters": parameters,
        "adapter_parameters": sum(p.numel() for name, p in answerer.named_parameters() if "lora_" in name),
    }


def terms_of(model) -> str | None:
    """The terms of use that a model comes under; None: none are known. Configs of earlier runs have them in their wheel."""
    wheel = model.get("wheel")
    return model.get("terms") or (wheel.get("terms") if wheel and not model.get("name_or_path") else None)


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one, and under torchrun the process's own.

    Raises ModelError for a device that is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("model.device=cuda: no CUDA device here; use model.device=auto or cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def choose_precision(name: str, device: torch.device) -> str:
    """``auto`` is bf16 where the hardware computes in it, else fp32 (emulated bf16 is slower than fp32)."""
    if name != "auto":
        return name
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = processor_computes_in_bf16()
    return "bf16" if native else "fp32"


def choose_attention(name: str, device: torch.device) -> str | None:
    """``auto`` is eager on a CPU, where the fused kernels' backward pass is about twice as slow as plain matrix products.

    Elsewhere it is None, for transformers to choose: sdpa, or eager for a model that has no sdpa (Gemma 2).
    """
    if name != "auto":
        return name
    return "eager" if device.type == "cpu" else None


def _commit_in_the_cache(source: str, revision: str | None) -> str | None:
    """What a hub id and revision stand for, by the hub's cache after they were loaded: transformers no longer says it."""
    found = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(found).parent.name if isinstance(found, str) else None


def _load_base(model, device: torch.device, dtype: torch.dtype, attention: str | None, quantization: str) -> tuple:
    """The language model on its device, its tokenizer, and the source and revision that `_resolve_source` found."""
    source, revision = _resolve_source(model)
    if source is None:
        tokenizer = tiny_tokenizer()
        if quantization == "4bit":
            raise ModelError(
                "model.quantization=4bit: bitsandbytes' layers are made from a checkpoint; the random model takes nf4 or none"
            )
        language_model = tiny_model(tokenizer, attention).to(dtype)
    else:
        arguments = {"revision": revision} if revision else {}
        layers = (
            {"quantization_config": four_bit_layers(dtype), "device_map": {"": device}}
            if quantization == "4bit"
            else {}
        )
        if (Path(source) / ADAPTER_CONFIG).is_file():
            raise ModelError(f"model.name_or_path={source}: an adapter, not a model; score it with run=DIR")
        # Data only: no code of the model's own, no pickle.
        arguments |= {"trust_remote_code": False}
        try:
            quantised = quantised_already(AutoConfig.from_pretrained(source, **arguments))
            if quantised is not None and (quantised, quantization) != ("nf4", "4bit"):
                raise ModelError(
                    f"model.name_or_path={source}: its weights are quantised already ({quantised}); take those in full precision, "
                    "or of nf4, with nothing merged, model.quantization=4bit"
                )
            tokenizer = AutoTokenizer.from_pretrained(source, **arguments)
            language_model = AutoModelForCausalLM.from_pretrained(
                source, dtype=dtype, attn_implementation=attention, use_safetensors=True, **layers, **arguments
            )
        except (OSError, ValueError) as error:
            first_line = str(error).strip().splitlines()[0]
            raise ModelError(f"model.name_or_path={source}: cannot be loaded: {first_line}") from error
    if tokenizer.chat_template is None and language_model.config.model_type.startswith("gemma"):
        tokenizer.chat_template = GEMMA_CHAT_TEMPLATE
    if quantization == "4bit":
        keep_exact(language_model, dtype)
    else:
        language_model.to(device)
    if quantization == "nf4":
        round_to_nf4(language_model)
    return language_model, tokenizer, source, revision


def _resolve_source(model) -> tuple[str | None, str | None]:
    """(folder or hub id, revision); (None, None) for the tiny random model."""
    if model.name_or_path:
        source = str(model.name_or_path)
        if Path(source).is_absolute() and not Path(source).is_dir():
            raise ModelError(f"model.name_or_path={source}: no such folder")
        return source, model.revision
    if model.wheel:
        return str(dense_copy_of_wheel(model.name, model.wheel, terms_of(model))), None
    if model.random_architecture:
        return None, None
    raise ModelError("model.name_or_path: must be a local folder or a hub id")
