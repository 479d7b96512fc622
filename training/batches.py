"""Items → batches: token trees for the model, and the questions' structure for the losses."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import Dataset

from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item
from causal_tasks.questions import Question
from losses import Answers, FormattedText
from models.answerer import Reading
from models.packing import FEWEST_SAVED, PackedBatch, pack
from models.prompts import EncodedItem, PromptFormat

PACKED = tuple(PackedBatch.__dataclass_fields__)
STRUCTURE = ("labels", "entailed", "source", "target", "given", "adjacency", "nodes", "labelled")


@dataclass(frozen=True)
class TrainingExample:
    """One graph: its token tree, its questions, whether a loss may read its labels, and what the semantic term asks for.

    index: its place in the training set. entailed: one answer a question; None for the labels.
    """

    encoded: EncodedItem
    item: Item
    labelled: bool = True
    entailed: tuple[bool, ...] | None = None
    index: int = 0


class GraphDataset(Dataset):
    """Tokenised items; index → TrainingExample.

    answered: branches end with the true answer and the turn's ending (losses that read the text).
    labelled: whether the losses may read an item's labels, one an item; None: all.
    oracle: gives the answers that the semantic term asks for (audit A2); None: they are the labels.
    """

    def __init__(
        self,
        items: Sequence[Item],
        prompt_format: PromptFormat,
        answered: bool,
        labelled: Sequence[bool] | None = None,
        oracle: Callable[[CausalGraph, Question], bool] | None = None,
    ):
        entailed = [oracle and tuple(oracle(item.graph, q.question) for q in item.questions) for item in items]
        self.examples = [
            TrainingExample(encoded, item, labelled is None or labelled[i], entailed[i], i)
            for i, (encoded, item) in enumerate(zip(prompt_format.encode(items, answered), items))
        ]
        self.lengths = [example.encoded.length for example in self.examples]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> TrainingExample:
        return self.examples[index]


class Collator:
    """Lists of TrainingExample → one flat dict of tensors (what accelerate can move and split).

    device: that of the model.
    """

    def __init__(self, prompt_format: PromptFormat, answered: bool, device: torch.device):
        self.pad = prompt_format.pad
        self.endings = 1 + len(prompt_format.ending) if answered else 0
        self.kept = prompt_format.header_length if answered else 0
        # On a GPU a small batch waits for kernels to be launched, of which a second pass has as many as the first.
        self.fewest_saved = FEWEST_SAVED if device.type == "cpu" else math.inf

    def __call__(self, examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
        packed = pack(
            [example.encoded for example in examples],
            self.pad,
            endings=self.endings,
            kept=self.kept,
            fewest_saved=self.fewest_saved,
        )
        which = torch.tensor([example.index for example in examples])
        return {name: getattr(packed, name) for name in PACKED} | structure(examples) | {"example": which}


def structure(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    """Labels and query structure of G examples as the tensors that ``losses.Answers`` describes."""
    graphs = [example.item.graph for example in examples]
    count = len(examples)
    most_questions = max(len(example.item.questions) for example in examples)
    most_nodes = max(len(graph.nodes) for graph in graphs)
    batch = {
        "labels": torch.zeros(count, most_questions, dtype=torch.bool),
        "entailed": torch.zeros(count, most_questions, dtype=torch.bool),
        "source": torch.zeros(count, most_questions, dtype=torch.long),
        "target": torch.zeros(count, most_questions, dtype=torch.long),
        "given": torch.zeros(count, most_questions, most_nodes, dtype=torch.bool),
        "adjacency": torch.zeros(count, most_nodes, most_nodes, dtype=torch.bool),
        "nodes": torch.tensor([len(graph.nodes) for graph in graphs]),
        "labelled": torch.tensor([example.labelled for example in examples]),
    }
    for g, (example, graph) in enumerate(zip(examples, graphs)):
        index = {node: i for i, node in enumerate(graph.nodes)}
        # A hidden cause, which files may tell, joins its pair by no edge; what losses take from edges holds all the same.
        for cause, effect in graph.edges:
            batch["adjacency"][g, index[cause], index[effect]] = True
        for k, labelled in enumerate(example.item.questions):
            batch["labels"][g, k] = labelled.label
            batch["entailed"][g, k] = labelled.label if example.entailed is None else example.entailed[k]
            batch["source"][g, k] = index[labelled.question.source]
            batch["target"][g, k] = index[labelled.question.target]
            for node in labelled.question.given:
                batch["given"][g, k, index[node]] = True
    return batch


def answers_of(batch: dict[str, torch.Tensor], reading: Reading) -> Answers:
    """What the model said, with what the losses need to judge it."""
    return Answers(
        log_yes=reading.log_yes,
        log_no=reading.log_no,
        valid=batch["asked"],
        **{name: batch[name] for name in STRUCTURE},
    )


def text_of(reading: Reading) -> FormattedText | None:
    """The cross-entropy of the texts' tokens, for losses that read it; None if only the answers were read."""
    return None if reading.text_nats is None else FormattedText(reading.text_nats, reading.text_rows)
