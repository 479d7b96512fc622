"""Items that ask whole families (causal_tasks/families.py), about the graphs of the corrected protocol.

So graphs are distributed as in the corrected split, and no text is shared between splits. Over the training split, 42 % of
the answers about three nodes are Yes in transitivity, 51 % in d-separation (as the tests hold); all ordered pairs being
asked, Yes is more frequent where the source is mentioned first, since a sentence names its cause first.
"""

import random
from dataclasses import replace

from causal_tasks.bitgraph import BitGraph
from causal_tasks.constructions import corrected
from causal_tasks.families import constraint_queries, family_size
from causal_tasks.items import Item
from causal_tasks.naming import Draft, DraftQuestion, in_words
from causal_tasks.questions import LARGEST_GIVEN, TASKS
from causal_tasks.randomness import generator
from causal_tasks.spec import SPLITS, Spec

# Shares of Yes that items aim at in turn: every answer pattern comes up, and the whole is as balanced as families
# allow. Of a transitivity family at most half is Yes; of three d-separation nodes 0, 1, 4 or 6 statements of 6, and
# the larger shares exist in few graphs.
AIMS = {"transitivity": (1 / 2, 1 / 3, 1 / 2, 1 / 6, 1 / 2, 1 / 3), "dseparation": (2 / 3, 1, 0, 1, 2 / 3, 1)}
_CANDIDATES = 100  # families of a graph that are looked at for one of the wanted share


class Families:
    protocol, questions, whole = "corrected", "families", True
    splits = dict.fromkeys(TASKS, SPLITS)

    def check(self, spec: Spec) -> None:
        family_size(spec.task, spec.questions_per_graph)

    def item(self, spec: Spec, index: int) -> Item:
        sampled = replace(spec, questions="sampled", questions_per_graph=1)
        return ask_family(spec, index, corrected.CONSTRUCTION.item(sampled, index))


def ask_family(spec: Spec, index: int, told: Item) -> Item:
    """Item `index`: a whole family about the graph of `told`, its questions in random order.

    Among families drawn at random it is the one whose share of Yes is nearest to the item's aim. A graph with fewer nodes
    than the family is asked the family of all its nodes, so K = 30 asks all ordered pairs of every graph of up to 6 nodes.
    """
    size = family_size(spec.task, spec.questions_per_graph)
    names = told.graph.nodes
    number = {name: node for node, name in enumerate(names)}
    graph = BitGraph(len(names), [(number[cause], number[effect]) for cause, effect in told.graph.edges])
    about = {key: value for key, value in told.questions[0].strata.items() if key in ("chain_length", "nodes", "edges")}
    rng = generator("families", spec.task, spec.split, spec.seed, index, spec.questions_per_graph)
    aim = AIMS[spec.task][index % len(AIMS[spec.task])]
    looked_at = _CANDIDATES if size < graph.n else 1
    candidates = (_draw_family(spec.task, graph, min(size, graph.n), about, rng) for _ in range(looked_at))
    asked = min(candidates, key=lambda questions: abs(_yes_share(questions) - aim))
    draft = Draft(graph, tuple(rng.sample(asked, len(asked))))
    return in_words(draft, told.graph, list(names), spec.task, spec.item_id(index))


def _draw_family(task: str, graph: BitGraph, size: int, about: dict, rng: random.Random) -> list[DraftQuestion]:
    members = rng.sample(range(graph.n), size)
    context = []
    if task == "dseparation":
        # No question is given more nodes than those of the sampled training questions.
        others = [node for node in range(graph.n) if node not in members]
        context = rng.sample(others, rng.randint(0, max(0, min(len(others), LARGEST_GIVEN - (size - 2)))))
    return [_ask(task, graph, *statement, about, rng) for statement in constraint_queries(task, members, context)]


def _ask(task: str, graph: BitGraph, source: int, target: int, given, about: dict, rng: random.Random) -> DraftQuestion:
    strata = dict(about)
    if (distance := graph.distance(source, target)) is not None:
        strata["distance"] = distance
    if task == "transitivity":
        return DraftQuestion(source, target, (), graph.causes(source, target), strata)
    source, target = rng.sample((source, target), 2)
    label = graph.d_separated(source, target, sum(1 << node for node in given))
    strata |= {"pattern": graph.pattern(source, target), "given_size": len(given)}
    return DraftQuestion(source, target, tuple(sorted(given)), label, strata)


def _yes_share(questions: list[DraftQuestion]) -> float:
    return sum(question.label for question in questions) / len(questions)


CONSTRUCTION = Families()
