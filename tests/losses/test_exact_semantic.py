import math
from itertools import permutations

import pytest
import torch

from causal_tasks.families import constraint_queries
from losses import CrossEntropy, ExactSemantic, Semantic
from losses.circuits import Circuit
from losses.constraints import axioms
from losses.exact_semantic import KNOWLEDGE
from tests.losses.worlds import batch, brute_force, item, prepared, random_logs, semantic_part

FAMILIES = [("transitivity", 3), ("transitivity", 4), ("dseparation", 3)]


@pytest.mark.parametrize(("task", "size"), FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradient_equal_brute_force(task, size, seed, dtype):
    logit, yes, no = random_logs(len(constraint_queries(task, range(size))), seed, dtype)
    order = torch.randperm(len(yes), generator=torch.Generator().manual_seed(seed)).tolist()
    queries = [constraint_queries(task, range(size))[i] for i in order]
    inverse = torch.tensor(order).argsort()
    semantic = semantic_part(prepared(task, size), batch(queries, yes, no, padding=2))
    expected = -brute_force(yes[inverse], no[inverse], axioms(task, size)[1])
    torch.testing.assert_close(semantic, expected, atol=1e-5, rtol=0)
    for a, b in zip(
        torch.autograd.grad(semantic, logit, retain_graph=True), torch.autograd.grad(expected, logit), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("task", "size", "worlds"),
    [("transitivity", 3, 19), ("transitivity", 4, 219), ("dseparation", 3, 11), ("dseparation", 4, 679)],
)
def test_number_of_worlds(task, size, worlds):
    # 19 and 219: labelled posets (OEIS A001035); 11 and 679: gaussoids (Boege et al. 2019)
    variables, clauses = axioms(task, size)
    circuit = Circuit(variables, clauses)
    assert circuit.worlds == worlds
    half = torch.full((variables,), math.log(0.5), dtype=torch.float64)
    assert circuit(half, half).exp().item() * 2**variables == pytest.approx(worlds)


@pytest.mark.parametrize("seed", range(3))
def test_circuit_with_weights_that_do_not_sum_to_one(seed):
    generator = torch.Generator().manual_seed(seed)
    true, false = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    clauses = axioms("dseparation", 3)[1]
    torch.testing.assert_close(Circuit(6, clauses)(true, false), brute_force(true, false, clauses))


def test_a_question_in_both_orders_weighs_as_both():
    queries = constraint_queries("dseparation", range(3))
    reversed_first = (queries[0][1], queries[0][0], queries[0][2])
    _, yes, no = random_logs(7, 0)
    semantic = semantic_part(prepared("dseparation"), batch([*queries, reversed_first], yes, no))
    # an eighth world table: variable 7 must equal variable 1
    clauses = [*axioms("dseparation", 3)[1], (-1, 7), (1, -7)]
    torch.testing.assert_close(semantic, -brute_force(yes, no, clauses))


def test_symmetry_alone():
    _, yes, no = random_logs(2, 1)
    semantic = semantic_part(prepared("dseparation"), batch([(0, 1, {2}), (1, 0, {2})], yes, no))
    p, q = yes.exp()
    torch.testing.assert_close(semantic, -torch.log(p * q + (1 - p) * (1 - q)))


def test_both_orders_of_a_question_are_enough_for_all_but_deduced():
    """Deduced reads whole families alone: on such items its term would be 0 throughout."""
    both_orders = [item("dseparation", [(0, 1, {2}), (1, 0, {2}), (0, 2, ()), (0, 3, ()), (1, 2, ()), (1, 3, ())])]
    for knowledge in ("axioms", "axioms_and_facts"):
        assert ExactSemantic(knowledge).questions_needed("dseparation") == 2
        assert ExactSemantic(knowledge).questions_needed("dseparation", generated=True) == 3
        ExactSemantic(knowledge).prepare(both_orders)
    assert ExactSemantic("deduced").questions_needed("dseparation") == 6
    with pytest.raises(ValueError, match=r"all 6 questions of 3 nodes \(generated ones"):
        ExactSemantic("deduced").prepare(both_orders)


def test_deduced_counts_the_families_that_it_reads():
    queries = [*constraint_queries("dseparation", range(3)), (0, 3, ()), (3, 0, ())]
    _, yes, no = random_logs(8, 9)
    groups = {k: prepared("dseparation", knowledge=k)(batch(queries, yes, no), None, 1.0)["groups"] for k in KNOWLEDGE}
    assert groups == {"axioms": 2, "axioms_and_facts": 2, "deduced": 1}


def test_the_mean_is_over_groups():
    queries = list(permutations(range(4), 2))
    queries = [(i, j, frozenset()) for i, j in queries]
    _, yes, no = random_logs(12, 2)
    clauses = axioms("transitivity", 3)[1]
    expected = []
    for left_out in range(4):
        kept = [k for k, (i, j, _) in enumerate(queries) if left_out not in (i, j)]
        expected.append(-brute_force(yes[kept], no[kept], clauses))
    result = prepared("transitivity")(batch(queries, yes, no), None, 1.0)
    torch.testing.assert_close(result["semantic"], torch.stack(expected).mean().detach())
    assert result["groups"] == 4


@pytest.mark.parametrize("knowledge", ["axioms", "axioms_and_facts", "deduced"])
def test_axioms_and_facts_read_no_labels(knowledge):
    queries = constraint_queries("transitivity", range(3))
    logit, yes, no = random_logs(6, 5)
    loss = prepared("transitivity", knowledge=knowledge)
    chain = [(0, 1), (1, 2)]
    plain = loss(batch(queries, yes, no, edges=chain, labels=[True] * 6), None, 0.3)
    unlabelled = loss(batch(queries, yes, no, edges=chain, labels=[False] * 6, labelled=False), None, 0.3)
    assert plain["semantic"] == unlabelled["semantic"] > 0
    assert "cross_entropy" not in unlabelled, "nothing was asked of it, which is not a loss of 0"
    (gradient,) = torch.autograd.grad(unlabelled["total"], logit)
    assert gradient.abs().min() > 0


def test_the_closed_world_is_a_semantic_term_and_answer_cross_entropy_where_yes_and_no_hold_all_the_mass():
    queries = constraint_queries("transitivity", range(3))
    _, yes, no = random_logs(6, 6)
    answers = batch(queries, yes, no, labels=[True, False, True, False, False, False])
    closed, plain = Semantic(term="margin")(answers, None, 0.3), CrossEntropy()(answers, None, 0.0)
    torch.testing.assert_close(closed["semantic"], plain["total"])
    torch.testing.assert_close(closed["total"], 1.3 * plain["total"])


@pytest.mark.parametrize("knowledge", ["axioms", "axioms_and_facts", "deduced"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_finite_at_probability_zero_and_one(knowledge, dtype):
    queries = constraint_queries("transitivity", range(3))
    infinity = float("inf")
    # every answer certain, and together a cycle: no world has any mass
    first = torch.tensor([infinity if (i + 1) % 3 == j else -infinity for i, j, _ in queries], dtype=dtype)
    for logits in (torch.stack([first.clamp(max=0), (-first).clamp(max=0)], -1), torch.full((6, 2), 0.0, dtype=dtype)):
        logits.requires_grad_()
        log_p = logits.log_softmax(-1)
        answers = batch(queries, log_p[:, 0], log_p[:, 1], edges=[(1, 0)], labels=[True] * 6)
        result = prepared("transitivity", knowledge=knowledge)(answers, None, 1.0)
        assert result["total"].isfinite() and result["semantic"] > 0
        result["total"].backward()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize(("task", "size"), FAMILIES)
def test_descent_reaches_a_world_of_the_constraint(task, size):
    queries = constraint_queries(task, range(size))
    logit = torch.randn(len(queries), generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimiser = torch.optim.Adam([logit], lr=0.3)
    loss = prepared(task, size)
    for _ in range(100):
        answers = batch(
            queries, torch.nn.functional.logsigmoid(logit), torch.nn.functional.logsigmoid(-logit), labelled=False
        )
        value = loss(answers, None, 1.0)["total"]
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    assert value < 0.01
    world = (logit > 0).tolist()
    assert all(any(world[abs(v) - 1] == (v > 0) for v in clause) for clause in axioms(task, size)[1])


def test_a_batch_without_groups_is_zero_with_a_graph():
    logit, yes, no = random_logs(2, 7)
    result = prepared("transitivity")(batch([(0, 1, ()), (1, 2, ())], yes, no, labelled=False), None, 1.0)
    assert result["total"] == 0 and result["groups"] == 0 and "semantic" not in result
    (gradient,) = torch.autograd.grad(result["total"], logit)
    assert (gradient == 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ExactSemantic("axiom"), "loss.knowledge must be one of axioms, axioms_and_facts, deduced"),
        (lambda: ExactSemantic(group_size=5), "loss.group_size must be one of 3, 4"),
        (lambda: ExactSemantic(base="exact"), "loss.target must be one of"),
        (
            lambda: ExactSemantic().prepare([item("transitivity", [(0, 1, ())])]),
            "loss=exact_semantic needs at least 6 questions on a graph",
        ),
        (
            lambda: ExactSemantic().prepare([item("transitivity", [(0, 1, ())] * 6)]),
            "knowledge=axioms on transitivity needs items that ask all 6 questions of 3 nodes .* at most 6 questions",
        ),
        (
            lambda: ExactSemantic().prepare([item("dseparation", [(0, 1, ()), (0, 2, ())])]),
            "all 6 questions of 3 nodes or one question in both orders",
        ),
        (lambda: ExactSemantic()._constraint_loss(None), r"call prepare\(items\)"),
        (lambda: Circuit(2, [(1,), (-1,)]), "cannot be compiled: no world satisfies its 2 clauses"),
        (lambda: Circuit(2, [(3,)]), r"cannot be compiled: clause \(3,\) must name variables 1 to 2"),
        (lambda: Circuit(2, [()]), "cannot be compiled: clause"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
