"""From a config and an answerer to a fine-tuned adapter."""

import json
import logging
import math
import pickle
import random
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig
from safetensors import SafetensorError
from transformers import TrainingArguments

from causal_tasks import suites
from causal_tasks.faults import OF_DATA, Faults
from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item
from causal_tasks.oracles import answer, released_answer
from causal_tasks.questions import Question
from causal_tasks.spec import Spec
from input_output.errors import SettingsError, UserError
from input_output.writing import write_json, write_text
from losses.loss import Loss
from models.answerer import Answerer
from models.memory import is_out_of_memory
from records.checkpoints import ADAPTER_WEIGHTS, newest_whole, publish, sha256
from records.run_folder import TRAINED, RunFolder, RunFolderError
from records.run_settings import WITHOUT_LAMBDA
from records.tracking import Tracker
from schedulers import Schedule
from scoring.metrics import measure
from scoring.scorer import refuse_long_prompts, score
from training.adapter_growth import AdapterGrowth
from training.batches import Collator, GraphDataset
from training.console import Console
from training.divergence import divergence
from training.labelled_file import read_training_file
from training.portable import unpack_checkpoint
from training.sampling import class_balance_weights
from training.settings import graphs_in_a_pass
from training.trainer import CausalTrainer, CheckpointNotWritten, kept_in, save_adapter

log = logging.getLogger(__name__)

# The probe's questions are validation questions, but not those that thresholds are tuned on.
PROBE_SEED = 1
# Added to the seed for each further process: more than anyone's number of seeds.
_BETWEEN_PROCESSES = 2**20


class ForeignCheckpoint(UserError, ValueError):
    """A checkpoint whose PyTorch files hold more than tensors and plain values; nothing of it was run."""


class OutOfMemory(UserError, RuntimeError):
    """No memory for a training step; the message suggests a batch."""


def fine_tune(
    cfg: DictConfig, answerer: Answerer, loss: Loss, schedule: Schedule, folder: RunFolder, tracker: Tracker
) -> dict:
    """Train the answerer's adapter in place, save it to ``folder.adapter``, and freeze the answerer for scoring.

    Goes on from the last checkpoint in ``folder.checkpoints`` if there is one.
    Returns facts for the run's record: samples, share of Yes, steps, seconds, data fingerprint.
    """
    started = time.monotonic()
    items = training_items(cfg)
    labels = [question.label for item in items for question in item.questions]
    yes_share = suites.yes_share(items)
    labelled = labelled_items(cfg, len(items))
    try:
        weights = class_balance_weights(labels) if cfg.data.sampler == "balanced" else None
        loss.prepare(items, labelled)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    dataset = GraphDataset(
        items,
        answerer.prompt_format,
        loss.text is not None,
        labelled,
        oracle=oracle_of_the_semantic_term(cfg),
    )
    refuse_long_prompts([example.encoded for example in dataset.examples], answerer.context_length)
    log.info("training on %d questions about %d graphs, %.1f %% Yes", len(labels), len(items), 100 * yes_share)

    trainer = CausalTrainer(
        answerer,
        _arguments(cfg, folder, next(answerer.parameters()).device),
        dataset,
        Collator(answerer.prompt_format, loss.text is not None, answerer.device),
        loss,
        schedule,
        probe=_probe(cfg),
        probe_every=cfg.probe.every,
        weights=weights,
        on_log=_log_writer(folder, tracker),
    )
    trainer.add_callback(Console(trainer, cfg.loss._target_ not in WITHOUT_LAMBDA))
    if cfg.model.quantization != "none":
        trainer.add_callback(AdapterGrowth(trainer))
    if trainer.args.world_size > 1:
        # The Trainer has seeded them all alike, and each would drop what the others drop. A checkpoint keeps the state of each.
        torch.manual_seed(cfg.seed + _BETWEEN_PROCESSES * trainer.args.process_index)
    checkpoint = _checkpoint_to_go_on_from(cfg, trainer, folder)
    try:
        trainer.train(resume_from_checkpoint=checkpoint)
    except pickle.UnpicklingError as error:  # the Trainer loads with weights_only=True
        raise ForeignCheckpoint(
            f"{checkpoint}: a PyTorch file in it holds more than tensors and plain values, so it was not written here; none "
            "of it was run. Move it away; resume=true goes on from the one before"
        ) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(f"out of memory at step {trainer.state.global_step + 1}, {_smaller_pass(cfg)}") from error
    trainer.check_weights()
    answerer = trainer.accelerator.unwrap_model(trainer.model)
    facts = {
        "file": Path(cfg.data.path).name if cfg.data.path else None,
        "samples": len(labels),
        "graphs": len(items),
        "yes_share": yes_share,
        "questions": cfg.task.questions,
        "sampler": cfg.data.sampler,
        "unlabelled_fraction": cfg.data.unlabelled_fraction,
        "unlabelled_graphs": len(items) - sum(labelled),
        "steps": trainer.state.global_step,
        "turn_tokens": answerer.prompt_format.turn_length,
        "seconds": round(trainer.steps.earlier + time.monotonic() - started, 1),
        "data_fingerprint": trainer.data_fingerprint,
        **divergence(trainer.state.log_history),
    }
    if facts["diverged"]:
        log.warning("this run diverged: %s", facts["divergence"])
    if trainer.is_world_process_zero():
        _write_adapter(answerer, folder, facts)
    tracker.summary({"lambda": trainer.used_lambda, "diverged": facts["diverged"]})
    answerer.freeze()
    return facts


def _write_adapter(answerer: Answerer, folder: RunFolder, facts: dict) -> None:
    """The adapter and the facts of its training, in one rename; adds the adapter's sum to the facts."""
    aside = folder.path / ".adapter-unfinished"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        save_adapter(answerer, aside)
    except SafetensorError as error:  # a full disk
        raise CheckpointNotWritten(
            f"{folder.adapter}: cannot be written ({error}); what was computed stays, resume=true goes on"
        ) from error
    facts["adapter_sha256"] = sha256(aside / ADAPTER_WEIGHTS)
    write_json(aside / TRAINED, facts)
    publish(aside, folder.adapter)


def _smaller_pass(cfg: DictConfig) -> str:
    """What a pass took, and what takes less: where it can be, the next accumulation that shares the batch evenly."""
    graphs = graphs_in_a_pass(cfg)
    others = (
        "task.questions_per_graph, model.precision=bf16, model.quantization=4bit or a smaller model, in another out="
    )
    if graphs == 1:
        return f"with 1 graph in a pass, the least: try {others}"
    if cfg.data.unlabelled_fraction:  # wants each step in one pass
        return f"with {graphs} graphs in a pass: try training.batch_size, {others}"
    share = next(divisor for divisor in range(2, graphs + 1) if graphs % divisor == 0)
    return (
        f"with {graphs} graphs in a pass: try training.accumulation={share * cfg.training.accumulation}, which takes "
        f"{graphs // share}, in another out="
    )


def _checkpoint_to_go_on_from(cfg: DictConfig, trainer: CausalTrainer, folder: RunFolder) -> str | None:
    """The newest whole checkpoint, or the portable one; None: from the start. Says what it passes over, and why.

    Raises RunFolderError if it was trained on other questions than the trainer's.
    """
    if trainer.is_world_process_zero() and folder.portable.is_dir() and not newest_whole(folder.checkpoints)[0]:
        unpack_checkpoint(folder.portable, folder.checkpoints)
    trainer.accelerator.wait_for_everyone()
    checkpoint, damaged = newest_whole(folder.checkpoints)
    for line in damaged:
        log.warning("%s: %s", folder.checkpoints, line)
    if checkpoint:
        if kept_in(checkpoint).get("data_fingerprint") not in (None, trainer.data_fingerprint):
            raise RunFolderError(
                f"{f'data.path={cfg.data.path}' if cfg.data.path else 'the generators of this version'}: not the training "
                f"questions of {checkpoint}; put those back to go on, or train on the new ones in another out="
            )
        log.info("going on from %s", checkpoint)
        generators = len(list(checkpoint.glob("rng_state*.pth")))
        if generators != trainer.args.world_size:
            log.warning("it was written by %d processes: here the dropout will be another", generators)
    elif damaged:
        log.warning("%s: no checkpoint is whole; the training starts again from its first step", folder.checkpoints)
    return str(checkpoint) if checkpoint else None


def training_items(cfg: DictConfig) -> list[Item]:
    """The training set of a config, from its file or from its construction."""
    if cfg.data.path is not None:
        return read_training_file(cfg.data.path, cfg.task.name, cfg.data.wrong_labels == "keep")
    spec = Spec(
        cfg.task.name,
        cfg.protocol,
        "train",
        cfg.training.samples,
        cfg.seed,
        cfg.task.questions_per_graph,
        faults=Faults(**{name: cfg.faults[name] for name in OF_DATA}) if cfg.protocol == "released" else None,
        questions=cfg.task.questions,
        yes_share=cfg.data.yes_share,
    )
    return list(suites.items(spec))


def labelled_items(cfg: DictConfig, count: int) -> list[bool]:
    """Of each of ``count`` training items, whether a loss may read its labels.

    The leading ones are withheld where items are drawn one like another, else (a file in its own order, or a share of Yes,
    whose last items are all of one class) as many by lot. Raises SettingsError for a fraction that withholds nothing.
    """
    fraction = cfg.data.unlabelled_fraction
    size = int(fraction * count)
    if fraction and not size:
        raise SettingsError(f"data.unlabelled_fraction={fraction}: less than one of the {count} training graphs")
    alike = cfg.data.path is None and cfg.data.yes_share is None
    withheld = range(size) if alike else set(random.Random(f"withheld-{cfg.seed}").sample(range(count), size))
    return [i not in withheld for i in range(count)]


def oracle_of_the_semantic_term(cfg: DictConfig) -> Callable[[CausalGraph, Question], bool] | None:
    """Gives what the graph entails (audit A2); None where the labels are asked for, or are that already."""
    if cfg.faults.oracle_of_the_labels:
        return None
    if cfg.data.path is not None:
        return answer  # labels kept as they stand may be wrong, whatever the protocol
    if cfg.protocol == "released":
        # Correct, and total: released premises may repeat names and have cycles.
        return partial(released_answer, unblocked_reversed_chain=False)
    return None


def _arguments(cfg: DictConfig, folder: RunFolder, device: torch.device) -> TrainingArguments:
    settings = cfg.training
    arguments = TrainingArguments(
        output_dir=str(folder.checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=graphs_in_a_pass(cfg),
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.learning_rate_schedule,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_gradient_norm,
        logging_steps=settings.log_every,
        logging_first_step=True,
        save_steps=settings.checkpoint_every,
        # A loss of NaN would be logged as 0.0; CausalTrainer stops instead.
        logging_nan_inf_filter=False,
        seed=cfg.seed,
        use_cpu=device.type == "cpu",
        # Every adapter weight takes part in every pass.
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        # The collator's batches are small; forked workers would not pay.
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        report_to="none",
        disable_tqdm=True,  # training/console.py
    )
    # One process trains on one device, and torchrun starts several: of several devices that it sees, the Trainer would make
    # nn.DataParallel, which cannot split a packed batch.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    # `accelerate launch` may ask for mixed precision, which breaks the adapters' fp32 and the head's; model.precision says it.
    arguments.mixed_precision = "no"
    return arguments


def _probe(cfg: DictConfig):
    """A function answerer → share of Yes, balanced accuracy, majority share on held-out balanced questions."""
    items = suites.build(cfg.task.name, "corrected", "validation", cfg.probe.samples, PROBE_SEED, 4)
    labels = [question.label for item in items for question in item.questions]

    def probe(answerer: Answerer) -> dict[str, float]:
        row = measure(labels, score(answerer, items, cfg.evaluation.token_budget), resamples=0)
        return {name: row[name] for name in ("yes_rate", "balanced_accuracy", "majority_share", "auroc")}

    return probe


def _log_writer(folder: RunFolder, tracker: Tracker):
    """Write the whole log anew each time: after a resume it is the checkpoint's, then goes on.

    The tracker is first shown what was logged before the resume: a killed process may not have written it out.
    """
    shown = 0

    def write(history: list[dict], step: int) -> None:
        nonlocal shown
        lines = (json.dumps({k: v for k, v in entry.items() if not _is_nan(v)}) for entry in history)
        write_text(folder.training_log, "".join(line + "\n" for line in lines))
        for entry in history[shown:]:
            tracker.log(entry, entry["step"])
        shown = len(history)

    return write


def _is_nan(value) -> bool:
    return isinstance(value, float) and math.isnan(value)
