"""The released construction of arXiv:2605.05438, its faults as named switches (causal_tasks/faults.py).

Everything here follows what the paper's public artefacts do; nothing is corrected unless a switch says so.
"""

import itertools
import random
from dataclasses import dataclass

from causal_tasks.faults import ALL_FAULTS, Faults
from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.naming import distinct_names, random_name
from causal_tasks.oracles import released_answer
from causal_tasks.questions import LARGEST_GIVEN, Question, say_premise, say_question
from causal_tasks.random_graphs import random_dag
from causal_tasks.randomness import generator
from causal_tasks.spec import SPLITS, Spec

_LIKE_TRAINING = ("train", "validation", "in_distribution")
# Inferred: what is public of the release says 0-3 for training and nothing about `branching`. 0-3 gives 1.3 % Yes
# there and 0-2 gives 1.7 %, where 1.96 % were published (n = 10,000): see results/faithfulness.md.
LARGEST_GIVEN_OF_BRANCHING = 2
SHORT_NAMES = (1, 3)  # letters, least and most


@dataclass(frozen=True)
class Chains:
    """Chains of `shortest`..`longest` nodes; each edge is flipped with one probability drawn from `flips`."""

    shortest: int
    longest: int
    flips: tuple[float, ...]
    name_lengths: tuple[int, int] = SHORT_NAMES
    shuffled: bool = False


@dataclass(frozen=True)
class Density:
    """Random DAGs of `shortest`..`longest` nodes, n-1..`most_edges`*n edges, 0..`largest_given` conditioned on."""

    shortest: int
    longest: int
    lowest: float
    highest: float
    most_edges: int
    largest_given: int


GRAPHS = {
    "transitivity": {split: Chains(3, 6, (0.0, 0.3, 0.5)) for split in _LIKE_TRAINING}
    | {
        "length": Chains(7, 15, (0.0,)),
        "reversed": Chains(7, 15, (1.0,)),
        "shuffled": Chains(7, 15, (0.5,), shuffled=True),
        "long_names": Chains(3, 6, (0.5,), name_lengths=(8, 10)),
    },
    "dseparation": {split: Density(3, 6, 0.3, 0.6, 3, LARGEST_GIVEN) for split in _LIKE_TRAINING}
    | {"branching": Density(7, 15, 0.7, 1.2, 5, LARGEST_GIVEN_OF_BRANCHING)},
}


class Released:
    protocol, questions, whole = "released", "sampled", False
    splits = {task: {split: SPLITS[split] for split in graphs} for task, graphs in GRAPHS.items()}

    def check(self, spec: Spec) -> None:
        if spec.questions_per_graph != 1:
            raise ValueError(f"the released protocol asks one question per graph, not {spec.questions_per_graph}")

    def item(self, spec: Spec, index: int) -> Item:
        item_id = spec.item_id(index)
        return draw(GRAPHS[spec.task][spec.split], spec.faults or ALL_FAULTS, generator(item_id), item_id)


def draw(graphs: Chains | Density, faults: Faults, rng: random.Random, item_id: str) -> Item:
    """One released sample with its one question."""
    draw_one = _draw_chain if isinstance(graphs, Chains) else _draw_separation
    return draw_one(graphs, faults, rng, item_id)


def _names(count: int, lengths: tuple[int, int], faults: Faults, rng: random.Random) -> list[str]:
    if faults.repeated_names:
        return [random_name(rng, *lengths) for _ in range(count)]
    return distinct_names(rng, count, *lengths)


def _draw_chain(chains: Chains, faults: Faults, rng: random.Random, item_id: str) -> Item:
    while True:
        length = rng.randint(chains.shortest, chains.longest)
        names = _names(length, chains.name_lengths, faults, rng)
        flip = rng.choice(chains.flips)
        edges = [(b, a) if rng.random() < flip else (a, b) for a, b in itertools.pairwise(names)]
        asked = rng.sample(range(length), 2)
        if faults.ordered_queries:
            asked.sort()
        question = Question("transitivity", *(names[node] for node in asked))
        if chains.shuffled:
            rng.shuffle(edges)
        graph = CausalGraph(tuple(edges))
        label = released_answer(graph, question)
        premise = say_premise(graph)
        if chains.shuffled and faults.lost_separators:
            premise = premise.replace(". ", " ")
            # Validation reads the text: one sentence that is none, hence no edge, hence Yes only from a node to itself.
            if label != (question.source == question.target):
                continue
        strata = {"chain_length": length, "distance": abs(asked[0] - asked[1])}
        labelled = LabelledQuestion(f"{item_id}-0", say_question(question), label, question, strata)
        return Item(item_id, premise, (labelled,), graph, "transitivity")


def _draw_separation(density: Density, faults: Faults, rng: random.Random, item_id: str) -> Item:
    n, order = random_dag(density.shortest, density.longest, density.lowest, density.highest, density.most_edges, rng)
    names = _names(n, SHORT_NAMES, faults, rng)
    graph = CausalGraph(tuple((names[a], names[b]) for a, b in order))
    source, target = rng.sample(names, 2)
    others = [name for name in names if name not in (source, target)]
    given = rng.sample(others, rng.randint(0, min(density.largest_given, len(others))))
    question = Question("dseparation", source, target, tuple(set(given)))
    label = released_answer(graph, question, faults.unblocked_reversed_chain)
    strata = {"nodes": n, "edges": len(order), "given_size": len(question.given)}
    labelled = LabelledQuestion(f"{item_id}-0", say_question(question), label, question, strata)
    return Item(item_id, say_premise(graph), (labelled,), graph, "dseparation")


CONSTRUCTION = Released()
