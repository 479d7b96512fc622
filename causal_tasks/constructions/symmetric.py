"""A Yes and a No about one graph, whose nodes look the same however far one looks from each of them by itself.

Two sources s and s', two targets t and t', and four paths of one length in a ring. Two of them are told by one pattern of
arrows, two by another:

    s --one-- t --other-- s' --one-- t' --other-- s

Leaves hang on the ring, each twice: at its place and at the one opposite; so does what is conditioned on. Half a turn then
exchanges s with s' and t with t', and the graph stays as it is. Asked are two of the pairs (s, t), (s, t') and (s', t), of
which `one` joins the first and `other` the second, where one of them gives Yes and the other No.

Whoever judges either node by what surrounds it, at whatever radius, and then adds up, gives both the same answer, and so
does whoever looks from both at once but less than half a path far. One of the two is then wrong. The sentences are told
in random order, so that places of mention tell nothing either.
"""

from causal_tasks.bitgraph import BitGraph
from causal_tasks.items import Item
from causal_tasks.naming import Draft, DraftQuestion, named_in
from causal_tasks.questions import TASKS
from causal_tasks.randomness import Stream, generator
from causal_tasks.spec import Spec

STEPS = 2, 4  # of each path, least and most
_LEAVES = 2  # on either half of the ring, at most
_GIVEN = 0.5  # share of the d-separation graphs that are asked about given a node and the one opposite
_SOURCE, _TARGET = 0, 1

Arrow = tuple[int, int, bool]  # cause, effect, and whether it leads to the other half


class Symmetric:
    protocol, questions, whole = "corrected", "sampled", False
    splits = {task: {"symmetric": "a Yes and a No about nodes that look alike, each by itself"} for task in TASKS}

    def check(self, spec: Spec) -> None:
        if spec.questions_per_graph != 2:
            raise ValueError(f"symmetric asks two questions per graph, not {spec.questions_per_graph}")
        if spec.samples % 2:
            raise ValueError(f"symmetric holds pairs: n must be even, not {spec.samples}")

    def item(self, spec: Spec, index: int) -> Item:
        item_id = spec.item_id(index)
        rng = generator(item_id)
        steps, given = rng.randint(*STEPS), spec.task == "dseparation" and rng.random() < _GIVEN
        while (draft := _draw(spec.task, steps, given, item_id, rng)) is None:
            pass
        return named_in("test", draft, 1, 3, spec.task, item_id, rng)


def _draw(task: str, steps: int, given: bool, pair: str, rng: Stream) -> Draft | None:
    """A graph with its two questions; None where it has a cycle, or one answer to both."""
    half, arrows = _half_ring(steps, rng)
    edges = [(_node(cause, side), _node(effect, side ^ over)) for cause, effect, over in arrows for side in (0, 1)]
    graph = BitGraph(2 * half, rng.sample(edges, len(edges)))
    if graph.cyclic:
        return None
    middle = rng.randrange(_TARGET + 1, half)
    members = (_node(middle, 0), _node(middle, 1)) if given else ()
    strata = {"distance": steps, "nodes": graph.n} | ({"given_size": len(members)} if task == "dseparation" else {})
    exchanged = rng.choice((_SOURCE, _TARGET))
    turned = task == "dseparation" and rng.random() < 0.5
    questions = []
    for side in (0, 1):
        ends = [_node(end, side * (end == exchanged)) for end in (_SOURCE, _TARGET)]
        source, target = reversed(ends) if turned else ends
        label = _ANSWERS[task](graph, source, target, sum(1 << node for node in members))
        questions.append(DraftQuestion(source, target, members, label, strata | {"pair": pair}))
    if questions[0].label == questions[1].label:
        return None
    return Draft(graph, tuple(rng.sample(questions, 2)))


def _half_ring(steps: int, rng: Stream) -> tuple[int, list[Arrow]]:
    """How many nodes one half of the ring has, and its arrows: of the two paths and of the leaves."""
    nodes = 2 + 2 * (steps - 1)
    one, other = range(2, 1 + steps), range(1 + steps, nodes)
    joined = [(*pair, False) for path in (one, other) for pair in zip((_SOURCE, *path), (*path, _TARGET))]
    joined[-1] = (*joined[-1][:2], True)  # the last step of `other` leads to the target of the other half
    for _ in range(rng.randint(0, _LEAVES)):
        joined.append((rng.randrange(nodes), nodes, False))
        nodes += 1
    return nodes, [(a, b, over) if rng.random() < 0.5 else (b, a, over) for a, b, over in joined]


def _node(place: int, side: int) -> int:
    """The node at this place of one of the two halves."""
    return 2 * place + side


_ANSWERS = {
    "transitivity": lambda graph, source, target, given: graph.causes(source, target),
    "dseparation": BitGraph.d_separated,
}

CONSTRUCTION = Symmetric()
