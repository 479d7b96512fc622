"""The optimisation steps that are measured, and one step as the product takes it."""

from collections.abc import Sequence

import torch
from omegaconf import DictConfig
from torch.nn.utils import clip_grad_norm_

from models.loading import load_answerer
from models.packing import PackedBatch
from training.batches import PACKED, Collator, GraphDataset, TrainingExample, answers_of, text_of
from training.building import build_loss, build_schedule
from training.fine_tune import training_items
from training.sampling import BATCHES_PER_BLOCK, LengthGroupedSampler

# Name → overrides of train.py.
CASES = {
    "answer cross-entropy": ("experiment=transitivity_answer_ce", "scale=demo", "training.batch_size=16"),
    "published semantic loss": ("experiment=transitivity_semantic", "scale=paper", "training.batch_size=8"),
    "whole-text cross-entropy": ("experiment=transitivity_ce", "scale=demo", "training.batch_size=8"),
    "8 questions a graph": (
        "loss=cross_entropy",
        "task=transitivity",
        "protocol=corrected",
        "task.questions_per_graph=8",
        "scale=demo",
        "training.batch_size=4",
    ),
}


class Optimisation:
    """Clipping and AdamW as the Trainer does it, over whatever is trainable in a model."""

    def __init__(self, model: torch.nn.Module, training: DictConfig):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.most = training.max_gradient_norm
        self.optimiser = torch.optim.AdamW(
            self.parameters, training.learning_rate, weight_decay=training.weight_decay, fused=True
        )

    def step(self) -> None:
        clip_grad_norm_(self.parameters, self.most)
        self.optimiser.step()
        self.optimiser.zero_grad()


class ProductStep:
    """Optimisation steps on the product's path: Collator, Answerer.forward and the loss; without the Trainer around them.

    cfg: a config of train.py; its training set is replaced by as many questions as `batches` take.
    batches: lists of training examples, formed by length as in a training.
    weight: lambda half-way through training; target: what the cross-entropy covers.
    """

    def __init__(self, cfg: DictConfig, batches: int):
        self.answerer, self.loaded = load_answerer(cfg.model, cfg.lora, seed=cfg.seed)
        self.answerer.train()
        self.loss = build_loss(cfg)
        self.weight = build_schedule(cfg)(0.5)
        self.target = cfg.loss.get("base", cfg.loss.get("target"))
        # Batches are formed within a block; a shorter one would mix lengths more than a training does.
        graphs = cfg.training.batch_size
        cfg.training.samples = graphs * cfg.task.questions_per_graph * max(batches, BATCHES_PER_BLOCK)
        items = training_items(cfg)
        self.loss.prepare(items)
        self.collator = Collator(self.answerer.prompt_format, self.loss.text is not None, self.answerer.device)
        dataset = GraphDataset(items, self.answerer.prompt_format, self.loss.text is not None)
        order = list(LengthGroupedSampler(dataset.lengths, graphs, cfg.seed))
        self.batches = [
            [dataset[i] for i in order[start : start + graphs]] for start in range(0, batches * graphs, graphs)
        ]
        self.optimisation = Optimisation(self.answerer, cfg.training)

    def collate(self, examples: Sequence[TrainingExample]) -> tuple[dict[str, torch.Tensor], PackedBatch]:
        inputs = self.collator(examples)
        return inputs, PackedBatch(**{name: inputs[name] for name in PACKED}).to(self.answerer.device)

    def accumulate(self, examples: Sequence[TrainingExample]) -> float:
        """Add the gradients of a batch; returns its loss."""
        inputs, batch = self.collate(examples)
        reading = self.answerer(batch, text=self.loss.text)
        parts = self.loss(answers_of(inputs, reading), text_of(reading), self.weight)
        parts["total"].backward()
        return float(parts["total"].detach())

    def step(self, examples: Sequence[TrainingExample]) -> None:
        self.accumulate(examples)
        self.optimisation.step()
