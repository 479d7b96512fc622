"""How large the adapter becomes, and whether a merge into the 4-bit base would keep it (audit A10)."""

from transformers import TrainerCallback

from models.adapters import adapter_size
from training.trainer import CausalTrainer


class AdapterGrowth(TrainerCallback):
    """Writes ``adapter/relative_size`` and ``adapter/surviving_share`` (models/adapters.py) to the log, at steps that are
    powers of two and at the last: quantising all weights takes seconds."""

    def __init__(self, trainer: CausalTrainer):
        self.trainer = trainer

    def on_step_end(self, args, state, control, **kwargs):
        step = state.global_step
        if step & (step - 1) == 0 or step == state.max_steps:
            adapted = self.trainer.accelerator.unwrap_model(self.trainer.model).language_model
            self.trainer.log_beside({f"adapter/{name}": value for name, value in adapter_size(adapted).items()})
