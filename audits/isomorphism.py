"""How many test items repeat a training structure under other names."""

from causal_tasks.items import Item, LabelledQuestion


def canonical_form(item: Item, question: LabelledQuestion) -> tuple:
    """Equal for two questions iff a renaming turns one graph and query into the other.

    The order of sentences does not count, nor, for d-separation, which of the two nodes is named first. Exact:
    individualisation and refinement as in McKay 1981 (Congressus Numerantium 30), for graphs of some dozens of nodes.

    Raises:
        ValueError: the item or question is not parsed.
    """
    if item.graph is None or question.question is None:
        raise ValueError(f"{question.id} has no parsed graph and question")
    asked = question.question
    roles = dict.fromkeys((*item.graph.nodes, *asked.given), 0)
    roles |= dict.fromkeys(asked.given, 3)
    roles |= {asked.source: 1, asked.target: 2 if asked.task == "transitivity" else 1}
    return asked.task, *_smallest_code(_Relations(item.graph.edges, item.graph.hidden, roles), roles)


def shared_structures(tested: list[Item], trained: list[Item]) -> tuple[int, int]:
    """(tested questions whose structure occurs among the trained, tested questions)."""
    known = {canonical_form(item, question) for item in trained for question in item.questions}
    forms = [canonical_form(item, question) for item in tested for question in item.questions]
    return sum(form in known for form in forms), len(forms)


class _Relations:
    def __init__(self, edges, hidden, roles: dict[str, int]):
        self.roles, self.edges, self.hidden = roles, set(edges), {frozenset(pair) for pair in hidden}
        self.near = {name: ([], [], []) for name in roles}  # causes, effects, partners in a hidden cause
        for cause, effect in self.edges:
            self.near[effect][0].append(cause)
            self.near[cause][1].append(effect)
        for a, b in map(tuple, self.hidden):
            self.near[a][2].append(b)
            self.near[b][2].append(a)

    def refine(self, colours: dict[str, int]) -> dict[str, int]:
        """Tell nodes apart by the colours around them until nothing new is told apart."""
        count = len(set(colours.values()))
        while True:
            signs = {
                name: (colours[name], *(tuple(sorted(colours[other] for other in group)) for group in groups))
                for name, groups in self.near.items()
            }
            rank = {sign: position for position, sign in enumerate(sorted(set(signs.values())))}
            colours = {name: rank[sign] for name, sign in signs.items()}
            if len(rank) == count:
                return colours
            count = len(rank)

    def code(self, colours: dict[str, int]) -> tuple:
        """Roles, edges and hidden pairs under the numbering `colours`, one colour per node."""
        return (
            tuple(self.roles[name] for name in sorted(colours, key=colours.__getitem__)),
            tuple(sorted((colours[a], colours[b]) for a, b in self.edges)),
            tuple(sorted(tuple(sorted(colours[name] for name in pair)) for pair in self.hidden)),
        )


def _smallest_code(relations: _Relations, colours: dict[str, int]) -> tuple:
    colours = relations.refine(colours)
    classes: dict[int, list[str]] = {}
    for name, colour in colours.items():
        classes.setdefault(colour, []).append(name)
    tied = min((colour for colour, names in classes.items() if len(names) > 1), default=None)
    if tied is None:
        return relations.code(colours)
    # Nodes with the same neighbours are interchangeable: one of them stands for all.
    standing = {tuple(map(frozenset, relations.near[name])): name for name in classes[tied]}
    return min(
        _smallest_code(relations, {other: 2 * colour + (other != name) for other, colour in colours.items()})
        for name in standing.values()
    )
