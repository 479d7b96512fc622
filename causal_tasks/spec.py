"""Which items are wanted: the names of protocols and splits, and a record of one request."""

from collections.abc import Hashable
from dataclasses import dataclass

from causal_tasks.faults import Faults

TASKS = ("transitivity", "dseparation")
PROTOCOLS = ("released", "corrected")
# Split -> what it holds.
TRAINING_SPLITS = {
    "train": "training set",
    "validation": "held-out part of the training distribution, for thresholds",
}
EVALUATION_SPLITS = {
    "in_distribution": "matched questions on graphs of the training sizes, from 4 nodes",
    "length": "chains (d-separation: paths) of 7-15 nodes, trained on 3-6",
    "branching": "branching graphs of 7-15 nodes",
    "reversed": "chains of 7-15 nodes told against the direction of causation",
    "shuffled": "chains of 7-15 nodes, sentences in random order",
    "long_names": "training graphs with names of 8-10 characters",
}
SPLITS = TRAINING_SPLITS | EVALUATION_SPLITS

# The five suites of the paper as (task, split) under protocol=released.
PUBLISHED_SUITE = (
    ("transitivity", "length"),
    ("dseparation", "branching"),
    ("transitivity", "reversed"),
    ("transitivity", "shuffled"),
    ("transitivity", "long_names"),
)


# Graphs of the corrected protocol that are drawn together: they share their strata and balance each other's labels.
BLOCK = 4


@dataclass(frozen=True)
class Spec:
    """What `suites.items` is asked for.

    Args:
        split: one of `suites.available_splits(task, protocol, questions)`.
        samples: questions in all, >= 1.
        questions_per_graph: K. Corrected items hold K questions, half Yes and half No (fewer where the graph has
            too few of either); the released protocol is K = 1.
        faults: released only; None switches every fault on.
        questions: "sampled", or "families": all questions about a few nodes of each graph.
        graphs: of a split of one's own, of the corrected protocol: what evaluation_graphs.own_graphs gives. Its name is one
            that no other split has.
        yes_share: share of Yes among sampled questions of the corrected protocol; None: as its construction balances them.
    """

    task: str
    protocol: str
    split: str
    samples: int
    seed: int
    questions_per_graph: int = 1
    faults: Faults | None = None
    questions: str = "sampled"
    yes_share: float | None = None
    graphs: Hashable = None

    def item_id(self, index: int) -> str:
        """Sample `index` depends only on this: on (task, protocol, split, seed, index)."""
        made = self.protocol if self.questions == "sampled" else self.questions
        return f"{self.task}-{made}-{self.split}-{self.seed}-{index:06d}"
