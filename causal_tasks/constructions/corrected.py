"""The corrected splits: unique names, no cycles, the answers of a correct oracle, Yes and No balanced within every stratum."""

from functools import lru_cache

from causal_tasks import dseparation, evaluation_blocks, evaluation_graphs, transitivity
from causal_tasks.items import Item
from causal_tasks.naming import Draft, named_in
from causal_tasks.randomness import generator
from causal_tasks.spec import BLOCK, SPLITS, TRAINING_SPLITS, Spec

_TRAINING = {"transitivity": transitivity, "dseparation": dseparation}


class Corrected:
    protocol, questions, whole = "corrected", "sampled", False
    splits = {
        "transitivity": SPLITS,
        "dseparation": SPLITS | {"hidden": "d-separation with hidden common causes (m-separation)"},
    }

    def check(self, spec: Spec) -> None:
        """Any K will do."""

    def item(self, spec: Spec, index: int) -> Item:
        item_id = spec.item_id(index)
        rng = generator(item_id)
        block = _block(spec.task, spec.split, spec.seed, index // BLOCK, spec.questions_per_graph, spec.graphs)
        draft = block[index % BLOCK]
        lengths = (8, 10) if spec.split == "long_names" else (1, 3)
        wanted = spec.split if spec.split in TRAINING_SPLITS else "test"
        return named_in(wanted, draft, *lengths, spec.task, item_id, rng)


@lru_cache(maxsize=64)
def _block(task: str, split: str, seed: int, block: int, questions_per_graph: int, graphs=None) -> list[Draft]:
    """The drafts of one block: in each stratum as many are answered Yes as No."""
    rng = generator("block", task, split, seed, block, questions_per_graph)
    if split in TRAINING_SPLITS:
        return _TRAINING[task].draw_block(questions_per_graph, rng)
    graphs = graphs or evaluation_graphs.CONSTRUCTIONS[task][split]
    return evaluation_blocks.draw_block(task, graphs, questions_per_graph, rng)


CONSTRUCTION = Corrected()
