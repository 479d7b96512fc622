"""transformers' Trainer with a causal loss, a lambda schedule and a probe."""

import json
import math
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import load_peft_weights, set_peft_model_state_dict
from safetensors import SafetensorError
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import ExportableState

from input_output.errors import UserError
from input_output.reading import read_json
from input_output.writing import write_text
from losses.loss import Loss
from models.answerer import Answerer
from models.packing import PackedBatch
from records import checkpoints
from records.checkpoints import LOSS_WEIGHTS, SCHEDULE_STATE
from records.provenance import fingerprint
from schedulers import LearningState, Schedule
from training.batches import PACKED, Collator, GraphDataset, answers_of, text_of
from training.sampling import LengthGroupedSampler

CHECKPOINTS_KEPT = 2


class CheckpointNotWritten(UserError, OSError):
    """The disk is full, or cannot be written to; the message names the last good checkpoint."""


class NotFinite(UserError, ArithmeticError):
    """Loss or weights became NaN or infinite; the message names the step, the items and the last good checkpoint."""


class CausalTrainer(Trainer):
    """Fine-tunes an Answerer.

    loss: reads answers (and, if it says so, the text's cross-entropy) and lambda.
    schedule: gives lambda; asked once an optimisation step, at progress step / (steps - 1).
    probe: called every ``probe_every`` steps with the answerer in evaluation mode; returns the
        measures to be logged, ``majority_share`` among them.
    weights: of the graphs, to be drawn by with replacement; None shuffles them.
    """

    def __init__(
        self,
        answerer: Answerer,
        arguments: TrainingArguments,
        dataset: GraphDataset,
        collator: Collator,
        loss: Loss,
        schedule: Schedule,
        probe: Callable[[Answerer], dict[str, float]],
        probe_every: int,
        weights: list[float] | None = None,
        on_log: Callable[[dict, int], None] | None = None,
    ):
        self.loss = loss
        self.schedule = schedule
        self.probe = probe
        self.probe_every = probe_every
        self.weights = weights
        self.data_fingerprint = fingerprint(example.item for example in dataset.examples)
        self._since_log: dict[str, list[float]] = defaultdict(list)
        # Of the passes of the step under way: p(Yes), p(labelled answer) and parts of the loss. Each pass is [noted, 2]: the
        # sum over processes, and how many of them measured it.
        self._noted = ("yes", "labelled", "total", *loss.parts)
        self._passes: list[torch.Tensor] = []
        super().__init__(model=answerer, args=arguments, train_dataset=dataset, data_collator=collator)
        self.loss_is_scaled_for_ga = False
        self.current_lambda = schedule(0.0)
        self.used_lambda = self.current_lambda  # of the last step done, for its log line
        self.loss.to(self.args.device)
        self.steps = _Steps(self, on_log)
        self.add_callback(self.steps)

    def _get_train_sampler(self, train_dataset=None) -> LengthGroupedSampler:
        # All graphs of an optimisation step, so that several processes see the batches that one would see.
        step = self.args.gradient_accumulation_steps * self.args.world_size
        graphs = self.args.per_device_train_batch_size * step
        self.sampler = LengthGroupedSampler(self.train_dataset.lengths, graphs, self.args.seed, self.weights)
        return self.sampler

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        batch = PackedBatch(**{name: inputs[name] for name in PACKED})
        reading = model(batch, text=self.loss.text)
        answers = answers_of(inputs, reading)
        parts = self.loss(answers, text_of(reading), self.current_lambda)
        values = self._note(parts, answers)
        if not all(map(math.isfinite, values.values())):
            items = [self.train_dataset.examples[i].item.id for i in inputs["example"].tolist()]
            found = ", ".join(f"{name}={value:g}" for name, value in values.items())
            raise self._not_finite(f"the loss is not finite ({found}) on the items {', '.join(items)}")
        return (parts["total"], reading) if return_outputs else parts["total"]

    def _note(self, parts, answers) -> dict[str, float]:
        """Keep what a pass showed until its step is done. Returns the parts of its loss, over all processes."""
        with torch.no_grad():
            yes = torch.sigmoid(answers.margin)[answers.valid].mean()
            labelled = answers.log_label.exp()[answers.valid].mean()
            seen = {"yes": yes, "labelled": labelled} | parts
            one, none = torch.ones_like(yes), yes.new_zeros(2)
            here = [torch.stack([seen[name].detach().to(yes), one]) if name in seen else none for name in self._noted]
            # Over all processes: the schedule must give them the same lambda.
            self._passes.append(self.accelerator.reduce(torch.stack(here).float(), reduction="sum"))
        return {name: value for name, value in self._means(self._passes[-1]).items() if name in parts}

    def _means(self, noted: torch.Tensor) -> dict[str, float]:
        """Of what was noted, each a mean over those that measured it; without what none did."""
        return {name: total / count for name, (total, count) in zip(self._noted, noted.tolist(), strict=True) if count}

    def _seen_in_step(self) -> tuple[dict[str, float], float]:
        """Parts of the loss and prediction entropy of the step just done, whose passes count alike, as in its gradient."""
        losses = self._means(torch.stack(self._passes).sum(0))
        self._passes.clear()
        yes, labelled = losses.pop("yes"), losses.pop("labelled")
        entropy = float(torch.special.entr(torch.tensor([yes, 1 - yes])).sum())
        # answer_probability: p(labelled answer) over the full vocabulary, where the answer begins
        shown = {f"loss/{name}": value for name, value in losses.items()}
        for name, value in (shown | {"prediction_entropy": entropy, "answer_probability": labelled}).items():
            self._since_log[name].append(value)
        return losses, entropy

    def advance_lambda(self, majority_share: float | None) -> None:
        """Show the schedule what the step just done looked like and take lambda for the next."""
        losses, entropy = self._seen_in_step()
        steps = max(self.state.max_steps - 1, 1)
        progress = min(self.state.global_step / steps, 1.0)
        self.schedule.observe(
            LearningState(
                step=self.state.global_step,
                progress=progress,
                majority_share=majority_share,
                prediction_entropy=entropy,
                losses=losses,
            )
        )
        self.current_lambda = self.schedule(progress)

    def show_first_probe(self) -> None:
        """Show the schedule the model before its first step, of which there is a probe and no loss."""
        share = self.run_probe()["majority_share"]
        self.schedule.observe(LearningState(step=0, progress=0.0, majority_share=share))
        self.current_lambda = self.schedule(0.0)

    def run_probe(self) -> dict[str, float]:
        """The probe's measures of the model as it is now, also written to the log."""
        answerer = self.accelerator.unwrap_model(self.model)
        answerer.eval()
        measures = self.probe(answerer)
        answerer.train()
        self.log_beside({f"probe/{name}": value for name, value in measures.items()})
        return measures

    def log_beside(self, measures: dict[str, float]) -> None:
        """Log a line that does not stand for the step's own."""
        due = self.control.should_log
        self.log(measures)
        self.control.should_log = due

    def log(self, logs, start_time=None) -> None:
        if "loss" in logs:
            logs |= {name: sum(values) / len(values) for name, values in self._since_log.items()}
            logs["lambda"] = self.used_lambda
            self._since_log.clear()
        logs["progress"] = self.state.global_step / max(self.state.max_steps, 1)
        super().log(logs, start_time)

    def _not_finite(self, what: str) -> NotFinite:
        good, _ = checkpoints.newest_whole(Path(self.args.output_dir))
        return NotFinite(
            f"step {self.state.global_step + 1}: {what}; last good checkpoint: {good or 'none'}. Going on from there ends "
            "here again; try a smaller training.learning_rate or training.max_gradient_norm, in another out="
        )

    def check_weights(self) -> None:
        """Raise NotFinite if a trained weight is NaN or infinite: such weights must replace no good checkpoint."""
        bad = [n for n, p in self.model.named_parameters() if p.requires_grad and not torch.isfinite(p).all()]
        if bad:
            raise self._not_finite(f"{len(bad)} weights before it are not finite ({bad[0]})")

    # Checkpoints hold the adapter alone: the base model's weights never change.

    def _get_output_dir(self, trial=None) -> str:
        """Where the Trainer writes a checkpoint; `_save_checkpoint` moves it when it is whole."""
        return str(Path(self.args.output_dir) / checkpoints.UNFINISHED)

    def _save_checkpoint(self, model, trial=None) -> None:
        self.check_weights()
        unfinished, folder = Path(self._get_output_dir()), Path(self.args.output_dir)
        if self.is_world_process_zero():
            shutil.rmtree(unfinished, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        with self._naming_the_last_good_checkpoint():
            super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()  # every process adds the state of its random generator
        if self.is_world_process_zero():
            with self._naming_the_last_good_checkpoint():
                name = f"{checkpoints.PREFIX}{self.state.global_step}"
                checkpoints.publish(unfinished / name, folder / name)
                unfinished.rmdir()
                checkpoints.keep_newest(folder, CHECKPOINTS_KEPT)

    @contextmanager
    def _naming_the_last_good_checkpoint(self) -> Iterator[None]:
        """Make of what ends the writing of a checkpoint one line, and delete what is half written."""
        try:
            yield
        except (OSError, RuntimeError, SafetensorError) as error:  # a full disk is any of these
            folder = Path(self.args.output_dir)
            if self.is_world_process_zero():  # the others would delete what it is writing
                shutil.rmtree(folder / checkpoints.UNFINISHED, ignore_errors=True)
            good, _ = checkpoints.newest_whole(folder)
            raise CheckpointNotWritten(
                f"step {self.state.global_step}: the checkpoint cannot be written ({str(error).splitlines()[0]}); last good "
                f"checkpoint: {good or 'none'}. Make room; resume=true goes on"
            ) from error

    def _save(self, output_dir: str | None = None, state_dict=None) -> None:
        if not self.args.should_save:  # several processes writing the same files delete each other's
            return
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_adapter(self.accelerator.unwrap_model(self.model), folder)
        write_text(folder / SCHEDULE_STATE, json.dumps(self.schedule.state_dict() | {"lambda": self.current_lambda}))
        learned = {name: value.tolist() for name, value in self.loss.state_dict().items()}
        write_text(folder / LOSS_WEIGHTS, json.dumps(learned))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model=None) -> None:
        folder = Path(resume_from_checkpoint)
        language_model = self.accelerator.unwrap_model(model or self.model).language_model
        set_peft_model_state_dict(language_model, load_peft_weights(str(folder), device="cpu"))
        state = read_json(folder / SCHEDULE_STATE)
        self.current_lambda = state.pop("lambda")
        self.schedule.load_state_dict(state)
        self.steps.earlier = kept_in(folder).get("seconds", 0.0)
        learned = read_json(folder / LOSS_WEIGHTS)
        own = self.loss.state_dict()
        self.loss.load_state_dict({name: torch.tensor(value).to(own[name]) for name, value in learned.items()})

    def create_optimizer(self, *args, **kwargs):
        optimizer = super().create_optimizer(*args, **kwargs)
        learned = [p for p in self.loss.parameters() if p.requires_grad]
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if learned and id(learned[0]) not in known:
            optimizer.add_param_group({"params": learned, "weight_decay": 0.0})
        return optimizer


class _Steps(TrainerCallback, ExportableState):
    """What happens around each optimisation step: probe, lambda, log. Counts the seconds, over all resumptions."""

    def __init__(self, trainer: CausalTrainer, on_log: Callable[[dict, int], None] | None):
        self.trainer = trainer
        self.on_log_written = on_log
        self.earlier = 0.0  # seconds until the checkpoint that the training goes on from
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.earlier + time.monotonic() - self.started

    def state(self) -> dict:
        """What the Trainer puts into a checkpoint's trainer_state.json."""
        kept = {"seconds": self.seconds, "data_fingerprint": self.trainer.data_fingerprint}
        return {"args": {}, "attributes": kept}

    def on_train_begin(self, args, state, control, **kwargs):
        # A checkpoint of a version without this callback has no entry, which the Trainer's next save looks up.
        state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        if state.global_step == 0:
            self.trainer.show_first_probe()

    def on_epoch_begin(self, args, state, control, **kwargs):
        # In a resumed epoch of several processes the sampler lies too deep in wrappers for accelerate's own set_epoch.
        self.trainer.sampler.set_epoch(int(state.epoch or 0))

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        # Weights that a loss learns lie outside the model, whose gradients alone are averaged over the processes.
        for parameter in self.trainer.loss.parameters():
            if parameter.grad is not None:
                parameter.grad = self.trainer.accelerator.reduce(parameter.grad, reduction="mean")

    def on_step_end(self, args, state, control, **kwargs):
        due = state.global_step % self.trainer.probe_every == 0 or state.global_step == state.max_steps
        share = self.trainer.run_probe()["majority_share"] if due else None
        self.trainer.loss.zero_grad()  # the Trainer clears the model's gradients only
        self.trainer.used_lambda = self.trainer.current_lambda
        self.trainer.advance_lambda(share)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if self.on_log_written is not None and state.is_world_process_zero:
            self.on_log_written(state.log_history, state.global_step)


def kept_in(checkpoint: Path) -> dict:
    """Of the training that wrote a checkpoint: seconds, data_fingerprint; without either if its version did not keep it."""
    kept = read_json(checkpoint / checkpoints.TRAINER_STATE).get("stateful_callbacks", {}).get(_Steps.__name__, {})
    return kept.get("attributes", {})


def save_adapter(answerer: Answerer, folder: Path) -> None:
    """Write the adapter as safetensors with its peft configuration."""
    answerer.language_model.save_pretrained(str(folder), safe_serialization=True)
    # peft writes a model card with empty headings; ours is written with the run.
    card = folder / "README.md"
    if card.exists():
        os.remove(card)
