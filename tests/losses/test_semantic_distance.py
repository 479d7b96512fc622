import math
from itertools import combinations, permutations
from types import SimpleNamespace

import networkx as nx
import pytest
import torch

from losses import Answers, SemanticDistance
from losses.graph_embedding import embed
from losses.semantic_distance import LOG_VARIANCE_LIMIT, PARTS, reachability, semantic_distance

WEIGHTS = {"node": 1.0, "direction": 2.0, "transitivity": 3.0, "embedding": 0.5}


def answers_on(pairs, logit, *, nodes=4, edges=((0, 1), (1, 2), (0, 3)), labelled=(True, True), padding=0):
    """Two graphs with the same edges and questions; logit: [2, K] of p(Yes)."""
    graph = nx.DiGraph(edges)
    count = len(pairs)

    def pad(rows, fill):
        return torch.cat([rows, rows.new_full((2, padding), fill)], 1)

    labels = torch.tensor([[nx.has_path(graph, i, j) for i, j in pairs]] * 2)
    sides = torch.tensor(pairs).T
    adjacency = torch.zeros(2, nodes, nodes, dtype=torch.bool)
    adjacency[:, [i for i, _ in edges], [j for _, j in edges]] = True
    return Answers(
        log_yes=pad(torch.nn.functional.logsigmoid(logit), 0),
        log_no=pad(torch.nn.functional.logsigmoid(-logit), 0),
        labels=pad(labels, False),
        valid=(torch.arange(count + padding) < count).expand(2, -1),
        source=pad(sides[0].expand(2, -1), 0),
        target=pad(sides[1].expand(2, -1), 0),
        given=torch.zeros(2, count + padding, nodes, dtype=torch.bool),
        adjacency=adjacency,
        nodes=torch.tensor([nodes, nodes]),
        labelled=torch.tensor(labelled),
    )


def slow_distance(answers, gamma=0.5):
    """One graph, pair and triple at a time."""
    node, direction, transitivity, embedding = [], [], [], []
    for g in range(len(answers.nodes)):
        belief, truth = {}, {}
        for k in range(answers.valid.shape[1]):
            if answers.valid[g, k]:
                pair = int(answers.source[g, k]), int(answers.target[g, k])
                belief[pair] = torch.sigmoid(answers.log_yes[g, k] - answers.log_no[g, k])
                truth[pair] = bool(answers.labels[g, k])
        size = int(answers.nodes[g])
        for i, j in combinations(range(size), 2):
            if (i, j) in belief and (j, i) in belief:
                direction.append(belief[i, j] * belief[j, i])
        for i, j, k in permutations(range(size), 3):
            if {(i, j), (j, k), (i, k)} <= set(belief):
                transitivity.append(torch.relu(belief[i, j] + belief[j, k] - 1 - belief[i, k]))
        if answers.labelled[g]:
            node += [-torch.log(q if truth[pair] else 1 - q) for pair, q in belief.items()]
            believed, true = torch.zeros(2, size, size, dtype=answers.log_yes.dtype)
            for pair, q in belief.items():
                believed = believed.index_put((torch.tensor(pair[0]), torch.tensor(pair[1])), q)
                true[pair] = truth[pair]
            n = torch.tensor(size)
            embedding.append((embed(believed, n, gamma) - embed(true, n, gamma)).square().sum())

    def mean(values):
        return sum(values) / len(values) if values else torch.zeros((), dtype=torch.float64)

    return dict(zip(PARTS, map(mean, (node, direction, transitivity, embedding)), strict=True))


ALL_PAIRS = list(permutations(range(4), 2))


def random_logit(count, seed=0, dtype=torch.float64):
    return (2 * torch.randn(2, count, generator=torch.Generator().manual_seed(seed), dtype=dtype)).requires_grad_()


@pytest.mark.parametrize("labelled", [(True, True), (True, False)])
@pytest.mark.parametrize("pairs", [ALL_PAIRS, ALL_PAIRS[3:9], ALL_PAIRS[::2], ALL_PAIRS[:1]])
@pytest.mark.parametrize("padding", [0, 3])
def test_parts_and_gradients_equal_the_slow_reference(pairs, labelled, padding):
    logit = random_logit(len(pairs))
    answers = answers_on(pairs, logit, labelled=labelled, padding=padding)
    fast, slow = semantic_distance(answers, 0.5), slow_distance(answers)
    for part in PARTS:
        torch.testing.assert_close(fast[part], slow[part], check_dtype=False)
        (gradient,) = torch.autograd.grad(fast[part], logit, retain_graph=True)
        expected = torch.zeros_like(logit)
        if slow[part].requires_grad:
            (expected,) = torch.autograd.grad(slow[part], logit, retain_graph=True)
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("edges", [((0, 1), (1, 2), (2, 3)), ((0, 1), (0, 2), (3, 2)), ((0, 1), (2, 3))])
def test_zero_exactly_where_belief_is_truth(edges):
    labels = answers_on(ALL_PAIRS, random_logit(12), edges=edges).labels
    certain = torch.where(labels, 1e3, -1e3)
    right = semantic_distance(answers_on(ALL_PAIRS, certain, edges=edges), 0.5)
    assert all(value == 0 for value in right.values())
    for k in range(12):
        wrong = certain.clone()
        wrong[:, k] *= -1
        parts = semantic_distance(answers_on(ALL_PAIRS, wrong, edges=edges), 0.5)
        assert sum(parts.values()) > 0.01


def test_direction_and_transitivity_name_their_faults():
    pairs = [(0, 1), (1, 0), (1, 2), (0, 2)]
    logit = torch.tensor([[1e3, 1e3, -1e3, -1e3]] * 2)
    parts = semantic_distance(answers_on(pairs, logit), 0.5)
    assert parts["direction"] == 1 and parts["transitivity"] == 0
    logit = torch.tensor([[1e3, -1e3, 1e3, -1e3]] * 2)
    parts = semantic_distance(answers_on(pairs, logit), 0.5)
    # of the two triples asked, 0-1-2 is violated by one and 1-0-2 is not
    assert parts["direction"] == 0 and parts["transitivity"] == 0.5


def test_unasked_pairs_add_nothing():
    asked = semantic_distance(answers_on(ALL_PAIRS[:4], torch.full((2, 4), 1e3)), 0.5)
    # the same answers where the truth about every other pair is different
    edges = ((0, 1), (1, 2), (0, 3), (2, 3))
    other = answers_on(ALL_PAIRS[:4], torch.full((2, 4), 1e3), edges=edges)
    assert (other.labels == answers_on(ALL_PAIRS[:4], torch.full((2, 4), 1e3)).labels).all()
    for part, value in semantic_distance(other, 0.5).items():
        torch.testing.assert_close(value, asked[part])


def test_a_pair_asked_twice_counts_as_the_mean_of_its_answers():
    """Only the last would be believed, and both would get its gradient."""
    pairs = [(0, 1), (1, 0), (0, 1)]
    logit = torch.tensor([[0.3, -0.2, 2.0]] * 2, dtype=torch.float64).requires_grad_()
    believed, true, asked = reachability(answers_on(pairs, logit))
    said = torch.sigmoid(logit)
    torch.testing.assert_close(believed[:, 0, 1], (said[:, 0] + said[:, 2]) / 2)
    assert true[:, 0, 1].eq(1).all() and asked.sum() == 4
    (gradient,) = torch.autograd.grad(believed[:, 0, 1].sum(), logit)
    torch.testing.assert_close(gradient, said * (1 - said) * torch.tensor([0.5, 0.0, 0.5]))


def test_total_is_base_plus_lambda_times_weighted_parts():
    answers = answers_on(ALL_PAIRS, random_logit(12))
    result = SemanticDistance(WEIGHTS)(answers, None, 0.3)
    distance = sum(WEIGHTS[part] * result[part] for part in PARTS)
    torch.testing.assert_close(result["semantic"], distance)
    torch.testing.assert_close(result["total"].detach(), result["cross_entropy"] + 0.3 * distance)
    assert list(SemanticDistance(WEIGHTS).parameters()) == []


def test_learned_weights_start_at_the_fixed_ones_and_follow_kendall():
    answers = answers_on(ALL_PAIRS, random_logit(12))
    loss = SemanticDistance(WEIGHTS, learned=True, learning_rate_factor=1.0)
    fixed = SemanticDistance(WEIGHTS)(answers, None, 0.3)
    result = loss(answers, None, 0.3)
    torch.testing.assert_close(result["total"].float(), fixed["total"].float())
    assert all(result[f"weight_{part}"] == WEIGHTS[part] for part in PARTS)
    # d/ds of w exp(-s) L + s / 2 at s = 0
    (gradient,) = torch.autograd.grad(result["total"], list(loss.parameters()))
    expected = torch.stack([0.3 * (0.5 - WEIGHTS[part] * result[part]) for part in PARTS])
    torch.testing.assert_close(gradient.double(), expected.double(), atol=1e-6, rtol=1e-5)


def test_learned_weights_settle_where_kendall_says_and_stay_bounded():
    logit = random_logit(12).detach()
    loss = SemanticDistance({**WEIGHTS, "direction": 0.0}, learned=True)
    optimiser = torch.optim.Adam(loss.parameters(), lr=5e-4)
    for _ in range(400):
        optimiser.zero_grad()
        result = loss(answers_on(ALL_PAIRS, logit), None, 1.0)
        result["total"].backward()
        optimiser.step()
    assert loss.active == ["node", "transitivity", "embedding"] and "weight_direction" not in result
    for part, s in zip(loss.active, loss.log_variance.tolist(), strict=True):
        best = math.log(2 * WEIGHTS[part] * result[part].item())
        assert s == pytest.approx(max(-LOG_VARIANCE_LIMIT, min(best, LOG_VARIANCE_LIMIT)), abs=0.1)
    # a part that is exactly 0 pushes its weight up to the limit, not to infinity
    certain = torch.where(answers_on(ALL_PAIRS, logit).labels, 1e3, -1e3)
    for _ in range(400):
        optimiser.zero_grad()
        loss(answers_on(ALL_PAIRS, certain), None, 1.0)["total"].backward()
        optimiser.step()
    assert (loss.log_variance.abs() <= LOG_VARIANCE_LIMIT).all() and (loss.log_variance < -1).all()
    restored = SemanticDistance({**WEIGHTS, "direction": 0.0}, learned=True)
    restored.load_state_dict(loss.state_dict())
    torch.testing.assert_close(restored.log_variance, loss.log_variance)


def test_no_labelled_graph_leaves_the_parts_that_need_no_labels():
    logit = random_logit(12)
    result = SemanticDistance(WEIGHTS)(answers_on(ALL_PAIRS, logit, labelled=(False, False)), None, 0.3)
    assert set(result) == {"total", "direction", "transitivity"}
    assert result["direction"] > 0 and result["transitivity"] > 0
    unread = {**WEIGHTS, "node": 0.0, "embedding": 0.0}
    assert SemanticDistance(unread)(answers_on(ALL_PAIRS, logit, labelled=(False, False)), None, 0.3)["semantic"] > 0
    single = answers_on(ALL_PAIRS[:1], logit[:, :1], labelled=(False, False))
    total = SemanticDistance(WEIGHTS)(single, None, 0.3)["total"]
    assert total == 0
    (gradient,) = torch.autograd.grad(total, logit)
    assert (gradient == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("learned", [False, True])
def test_finite_at_probability_zero_and_one(dtype, learned):
    for sign in (1.0, -1.0):
        logit = torch.full((2, 12), sign * float("inf"), dtype=dtype).requires_grad_()
        both = torch.stack([logit.clamp(max=0), (-logit).clamp(max=0)], -1).log_softmax(-1)
        answers = answers_on(ALL_PAIRS, torch.zeros(2, 12))
        answers = Answers(**{**vars(answers), "log_yes": both[..., 0], "log_no": both[..., 1]})
        total = SemanticDistance(WEIGHTS, learned=learned)(answers, None, 0.3)["total"]
        assert total.isfinite()
        total.backward()
        assert logit.grad.isfinite().all()


def item(*pairs):
    questions = tuple(SimpleNamespace(label=True, question=SimpleNamespace(source=s, target=t)) for s, t in pairs)
    return SimpleNamespace(task="transitivity", questions=questions)


def test_items_on_which_a_part_could_never_act_are_refused():
    both_ways, chained = item("AB", "BA"), item("AB", "BC", "AC")
    SemanticDistance(WEIGHTS).prepare([both_ways, chained])
    with pytest.raises(ValueError, match="asks a pair of nodes in both directions"):
        SemanticDistance(WEIGHTS).prepare([chained])
    with pytest.raises(ValueError, match="asks i->j, j->k and i->k of three nodes"):
        SemanticDistance(WEIGHTS).prepare([both_ways])
    SemanticDistance({**WEIGHTS, "direction": 0.0}).prepare([chained])
    with pytest.raises(ValueError, match="needs at least 2 questions on a graph"):
        SemanticDistance(WEIGHTS).prepare([item("AB")])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SemanticDistance({"node": 1.0}), "loss.weights must have exactly the keys node, direction"),
        (lambda: SemanticDistance({**WEIGHTS, "node": -1.0}), r"loss.weights.node must be a number in \[0, inf\)"),
        (lambda: SemanticDistance(dict.fromkeys(PARTS, 0.0)), "at least one weight above 0"),
        (lambda: SemanticDistance(WEIGHTS, gamma=1.0), r"loss.gamma must be a number in \(0, 1\)"),
        (lambda: SemanticDistance(WEIGHTS, learning_rate_factor=0), "loss.learning_rate_factor"),
        (lambda: SemanticDistance(WEIGHTS, base="none"), "loss.target must be one of"),
    ],
)
def test_constructors_refuse_bad_values(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_the_loss_embeds_with_its_own_gamma():
    answers = answers_on(ALL_PAIRS, random_logit(len(ALL_PAIRS)))
    loss = SemanticDistance(WEIGHTS, gamma=0.3)(answers, None, 1.0)
    torch.testing.assert_close(loss["embedding"], slow_distance(answers, 0.3)["embedding"].detach(), check_dtype=False)
    assert loss["embedding"] != slow_distance(answers, 0.5)["embedding"]
