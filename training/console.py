"""What the screen shows of a training: a line a probe, and on a terminal a bar between them. The log file has everything."""

import logging
import sys
import time

from tqdm.auto import tqdm
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback

log = logging.getLogger(__name__)


class Console(TrainerCallback):
    """In the place of the Trainer's own printing, which shows every number of every logged step as a dict.

    weighed: whether the loss has a term that lambda weighs; without one lambda is not shown.
    """

    def __init__(self, trainer: Trainer, weighed: bool):
        for printing in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(printing)
        self.weighed = weighed
        self.latest: dict[str, float] = {}
        self.bar: tqdm | None = None
        self.started, self.first = time.monotonic(), 0  # the first probe comes before the training begins

    def on_train_begin(self, args, state, control, **kwargs):
        self.started, self.first = time.monotonic(), state.global_step
        if state.is_world_process_zero:
            if args.warmup_steps > state.max_steps:
                log.warning(
                    "training.warmup_steps=%g, but the training has %d steps: its learning rate does not reach %g",
                    args.warmup_steps,
                    state.max_steps,
                    args.learning_rate,
                )
            steps = {"total": state.max_steps, "initial": state.global_step, "unit": "step"}
            self.bar = tqdm(desc="training", leave=False, disable=None, file=sys.stderr, **steps)

    def on_step_end(self, args, state, control, **kwargs):
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if not state.is_world_process_zero:
            return
        self.latest |= logs
        if self.bar is not None:
            self.bar.set_postfix_str(self._learned())
        if "probe/yes_rate" in logs:
            if self.bar is not None:
                self.bar.clear()
            log.info("%s", self._line(state))

    def on_train_end(self, args, state, control, **kwargs):
        if self.bar is not None:
            self.bar.close()

    def _line(self, state) -> str:
        """``step 16 of 128; loss 0.734, lambda 0.08, p(answer) 0.52; probe: 48 % Yes, balanced accuracy 61 %; 05:12 left``."""
        probe = {name: self.latest[f"probe/{name}"] for name in ("yes_rate", "balanced_accuracy")}
        parts = [
            self._learned(),
            f"probe: {100 * probe['yes_rate']:.0f} % Yes, balanced accuracy {100 * probe['balanced_accuracy']:.0f} %",
        ]
        done, left = state.global_step - self.first, state.max_steps - state.global_step
        if done and left:
            seconds = (time.monotonic() - self.started) / done * left
            parts.append(f"{tqdm.format_interval(seconds)} left")
        return "; ".join([f"step {state.global_step} of {state.max_steps}", *filter(None, parts)])

    def _learned(self) -> str:
        """The latest logged means of the loss and what belongs to it; empty before the first."""
        shown = {"loss": ".3f"} | ({"lambda": ".2f"} if self.weighed else {}) | {"answer_probability": ".2f"}
        names = {"answer_probability": "p(answer)"}
        return ", ".join(f"{names.get(k, k)} {self.latest[k]:{form}}" for k, form in shown.items() if k in self.latest)
