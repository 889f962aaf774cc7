"""Forward mode and second order: laws, and witnesses that share nothing with the hand-made algebra.

The complex step goes through forward and backward, the decimals through the definition alone, and
`rounding.Model` says how near any sane evaluation has to be.
"""
import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import rounding
import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss, Gradients, checks, tangents
from npadasoft.tangents import gnvp, hvp, jvp, log_prob_jvp, log_softmax_jvp
from rounding import Approx, assert_within
from strategies import ALWAYS, Problem, on_problems, random_problem
from witnesses import inner, leaves

U = 2.0**-53
TORCH, EXACT = 2e-14, 5e-15             # what is asked of the layer, too; see test_torch


def drawn(problem):
    """Layer, input, target, a direction, upstreams, and the cache of the forward."""
    layer, x, y = problem.layer(), problem.input(), problem.target()
    direction = along(problem, "direction")
    return layer, x, y, direction, problem.upstream(), layer.forward(x, y)[1]


def along(problem, name):
    """A direction in the problem's dtype."""
    found = witnesses.directions(problem.layer(), problem.input(), problem.rng(name))
    return Gradients(found.input.astype(problem.dtype),
                     found.parameters.map(lambda d: d.astype(problem.dtype)))


def product(rule, problem, direction, upstream=None):
    """`rule` on the problem: hvp or gnvp along `direction`."""
    layer, _, _, _, drawn_upstream, cache = drawn(problem)
    return rule(layer, cache, *direction, *(drawn_upstream if upstream is None else upstream))


def error(found, wanted):
    """Largest difference of two dicts of arrays, each in units of its tensor's largest value."""
    return max(float(abs(found[k] - wanted[k]).max(initial=0))
               / (float(abs(wanted[k]).max(initial=0)) or 1) for k in wanted)


# ------------------------------------------------------------------------ witnesses

def hessian_by_step(layer, x, y, direction, upstream):
    return witnesses.along(lambda layer, x: layer.backward(layer.forward(x, y)[1], *upstream),
                           layer, x, direction)


@pytest.mark.parametrize("seed", range(16))
def test_random_problems_agree_with_the_complex_step(seed):
    """Of forward for what moves first, of backward for the Hessian."""
    layer, x, y, v, upstream, cache = drawn(random_problem(seed))
    d_output, d_loss = jvp(layer, cache, *v)
    found = {"output": d_output, "loss": d_loss, "log_prob": log_prob_jvp(layer, x, *v)}
    wanted = {name: witnesses.along(function, layer, x, v) for name, function in {
        "output": lambda layer, x: layer(x, y).output, "loss": lambda layer, x: layer(x, y).loss,
        "log_prob": lambda layer, x: layer.log_prob(x)}.items()}
    # sums of n terms err by √n u or less by chance, the layer's and the witness' alike: twice that
    room = max(EXACT, 2 * max(layer.n_classes, *x.shape) ** 0.5 * 2.0 ** -53)
    assert error(found, wanted) <= room
    for up in ((None, 1.0), upstream):
        wanted = leaves(hessian_by_step(layer, x, y, v, up))
        assert error(leaves(hvp(layer, cache, *v, *up)), wanted) <= room


@on_problems(10, dtype="float64")
def test_every_tensor_is_right_to_its_own_bound_on_rounding(problem):
    layer, x, y, v, upstream, cache = drawn(problem)
    check_bounds(problem, layer, x, y, v, upstream, cache)


@on_problems(6, dtype="float32")
def test_every_tensor_is_right_to_its_bound_in_single_precision(problem):
    layer, x, y, v, upstream, cache = drawn(problem)
    check_bounds(problem, layer, x, y, v, upstream, cache)


def check_bounds(problem, layer, x, y, v, upstream, cache):
    model = rounding.Model.of(layer, x).move(leaves(v))
    moved = model.log_prob_jvp()
    d_output, d_loss = tangents.jvp(layer, cache, *v)
    due = {"output": (d_output, moved.output(y)),
           "log_prob": (log_prob_jvp(layer, x, *v), moved.log_prob())}
    if problem.reduction != "mean" or cache.routing.n_kept:
        due["loss"] = d_loss, moved.loss(y, problem.reduction)
    for rule, gauss_newton in ((hvp, False), (gnvp, True)):
        wanted = model.hvp(y, *upstream, problem.reduction, gauss_newton)
        found = leaves(rule(layer, cache, *v, *upstream))
        due |= {f"{rule.__name__} {name}": (found[name], wanted[name]) for name in wanted}
    for name, (found, wanted) in due.items():
        assert_within(found, wanted.value, wanted.error, problem.dtype, name)


@pytest.mark.parametrize("problem", [
    Problem(in_features=3, cutoffs=(2, 4, 7), n=3, scale=1.0),
    Problem(in_features=3, cutoffs=(2, 4, 7), n=3, scale=30.0, reduction="sum"),
    Problem(in_features=2, cutoffs=(1, 2, 3), n=4, ignored=0.3, div_value=1.0)])
def test_small_problems_agree_with_differences_of_the_definition_in_decimal(problem):
    """To the bound on rounding: the decimals are right to 1e-20 of it and more."""
    layer, x, y, v, _, cache = drawn(problem)
    y = np.where(y < 0, 0, y)
    kept = problem.target() >= 0
    definition = witnesses.Definition(layer, x)
    model = rounding.Model.of(layer, x).move(leaves(v))

    wanted = definition.along(leaves(v), lambda moved: moved.output(y))
    wanted = np.where(kept, witnesses.as_longdouble(wanted, (problem.n,)), 0)
    assert_within(jvp(layer, cache, *v).output, wanted,
                  model.log_prob_jvp().output(problem.target()).error, "float64")

    grad_output = problem.upstream()[0]
    due = model.hvp(problem.target(), grad_output, 0.0, problem.reduction)
    wanted = definition.along(
        leaves(v), lambda moved: moved.gradients(y, np.where(kept, grad_output, 0)))
    for name, found in leaves(hvp(layer, cache, *v, grad_output, 0.0)).items():
        assert_within(found, witnesses.as_longdouble(wanted[name], found.shape), due[name].error,
                      "float64", name)


# ------------------------------------------------------------------------ PyTorch

TORCHS_OWN = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch.func


def torch_tangents(layer, x, y, v):
    """(tangents of output and loss, H v of the loss by torch.func, by double backward)."""
    torch = witnesses.witness("torch")
    peer, x, y = witnesses.torch_layer(layer), torch.from_numpy(x), torch.from_numpy(y)
    weights = {name: w.detach() for name, w in peer.named_parameters()}
    d = {name: torch.from_numpy(np.array(w)) for name, w in v.parameters.items()}
    dx = torch.from_numpy(v.input)

    def forward(weights, x):
        return tuple(torch.func.functional_call(peer, weights, (x, y)))

    def gradient(weights, x):
        return torch.func.grad(lambda *at: forward(*at)[1], argnums=(0, 1))(weights, x)

    _, first = torch.func.jvp(forward, (weights, x), (d, dx))
    _, (by_func, by_func_input) = torch.func.jvp(gradient, (weights, x), (d, dx))
    variables = [x.clone().requires_grad_(), *(w.requires_grad_() for w in weights.values())]
    loss = forward(dict(zip(weights, variables[1:])), variables[0])[1]
    gradients = torch.autograd.grad(loss, variables, create_graph=True, materialize_grads=True)
    total = sum((g * t).sum() for g, t in zip(gradients, [dx, *d.values()]))
    twice = torch.autograd.grad(total, variables, materialize_grads=True)
    twice = {name: t.numpy() for name, t in zip(["input", *weights], twice)}
    by_func = {"input": by_func_input, **by_func}
    return ([t.detach().numpy() for t in first],
            {name: t.detach().numpy() for name, t in by_func.items()}, twice)


@TORCHS_OWN
@pytest.mark.parametrize("seed", range(6))
def test_random_problems_agree_with_pytorchs_forward_mode_and_double_backward(seed):
    layer, x, y, v, _, cache = drawn(random_problem(seed))
    first, by_func, twice = torch_tangents(layer, x, y, v)
    found = jvp(layer, cache, *v)
    assert error(dict(enumerate(found)), dict(enumerate(first))) <= TORCH
    found = leaves(hvp(layer, cache, *v))
    assert error(found, by_func) <= TORCH and error(found, twice) <= TORCH


def confident(gap):
    """One row, sure of class 0 by `gap`, and a direction along which its score grows."""
    layer = AdaptiveLogSoftmaxWithLoss(1, 3, [2], 1.0, head_bias=True)
    zero = layer.parameters.map(lambda w: 0 * w)
    layer, direction = layer.with_parameters(zero), zero.map(lambda w: 0 * w)
    layer.parameters.head.bias[0], direction.head.bias[0] = gap, 1
    return layer, np.ones((1, 1)), np.zeros(1, int), Gradients(np.zeros((1, 1)), direction)


@pytest.mark.parametrize("gap", [1, 20, 37, 50, 300])
def test_a_confident_row_keeps_the_digits_of_its_tangents(gap):
    check_confident(gap)


def check_confident(gap):
    """Two others of score 0: 1 - p = 2 / (e^gap + 2), the curvature p (1 - p)."""
    layer, x, y, v = confident(gap)
    _, cache = layer.forward(x, y)
    lacks = 2 * math.exp(-gap) / (1 + 2 * math.exp(-gap))
    allowed = (16 + gap) * U * lacks
    assert abs(tangents.jvp(layer, cache, *v).output[0] - lacks) <= allowed
    assert abs(log_prob_jvp(layer, x, *v)[0, 0] - lacks) <= allowed
    for rule in (hvp, gnvp):
        moved = rule(layer, cache, *v).parameters.head.bias[0]
        assert abs(moved - lacks * (1 - lacks)) <= allowed


@TORCHS_OWN
def test_pytorchs_confident_row_has_no_forward_derivative_left():
    """What is found in it from a gap of 37 on: its tangents are 0, where ours are 1e-16."""
    layer, x, y, v = confident(37)
    first, by_func, twice = torch_tangents(layer, x, y, v)
    ours = jvp(layer, layer.forward(x, y)[1], *v).output[0]
    assert first[0][0] == 0 and 1.5e-16 < ours < 2e-16
    print("PyTorch at a gap of 37:", first[0][0], by_func["head.bias"], twice["head.bias"])


# ------------------------------------------------------------------------ laws

@on_problems(8, dtype="float64")
def test_forward_mode_is_the_transpose_of_backward(problem):
    """⟨upstream, tangents⟩ = ⟨gradients, direction⟩."""
    layer, x, _, v, (grad_output, grad_loss), cache = drawn(problem)
    d_output, d_loss = jvp(layer, cache, *v)
    gradients = layer.backward(cache, grad_output, grad_loss)
    here = float((grad_output * d_output).sum() + (np.asarray(grad_loss) * d_loss).sum())
    model, y = rounding.Model.of(layer, x).move(leaves(v)), problem.target()
    q = abs(grad_output) + abs(np.asarray(grad_loss))
    apart = (model.log_prob_jvp().output(y).error * q).sum() + off(
        model.gradients(y, grad_output, grad_loss, problem.reduction), v)
    assert abs(here - inner(gradients, v)) <= 2 * U * apart + 1e-300
    grad = problem.rng("log_prob").standard_normal((problem.n, problem.n_classes))
    gradients = layer.log_prob_backward(x, grad)
    here = grad * log_prob_jvp(layer, x, *v)
    apart = (model.log_prob_jvp().log_prob().error * abs(grad)).sum() + off(
        model.log_prob_gradients(grad), v)
    assert abs(here.sum() - inner(gradients, v)) <= 2 * U * apart + 1e-300


def off(due, v):
    """How far ⟨due, v⟩ may be from exact, in units of u: twice as far as the entries are."""
    return 2 * sum(float((due[k].error * abs(leaves(v)[k])).sum()) for k in due)


@on_problems(8, dtype="float64")
def test_hessian_and_gauss_newton_matrix_are_symmetric(problem):
    """⟨a, H v⟩ = ⟨v, H a⟩."""
    a, v = along(problem, "a"), along(problem, "v")
    layer, x, y, _, upstream, _ = drawn(problem)
    for rule in (hvp, gnvp):
        (ha, due_a), (hv, due_v) = ((product(rule, problem, d), rounding.Model.of(layer, x).move(
            leaves(d)).hvp(y, *upstream, problem.reduction, rule is gnvp)) for d in (a, v))
        assert abs(inner(a, hv) - inner(v, ha)) <= U * (off(due_a, v) + off(due_v, a)) + 1e-300


@on_problems(8, dtype="float64")
def test_the_gauss_newton_product_of_a_loss_is_never_negative(problem):
    """⟨v, G v⟩ = Σ -q (Var_p(Ż) + Var_π(Ṫ))."""
    layer, x, y, v, _, cache = drawn(problem)
    found = inner(gnvp(layer, cache, *v), v)
    due = rounding.Model.of(layer, x).move(leaves(v)).hvp(
        y, np.zeros(problem.n), 1.0, problem.reduction, gauss_newton=True)
    assert found >= -U * off(due, v)
    assert abs(found - variances(layer, x, v, cache)) <= 2 * U * off(due, v)


def variances(layer, x, v, cache):
    """The sum over rows and softmaxes of -q times the variance of the logits' tangent."""
    routing, total = cache.routing, 0.0
    scale = max(routing.n_kept, 1) if layer.reduction == "mean" else 1

    def spread(log_p, dz):
        p = np.exp(log_p)
        away = dz - (p * dz).sum(-1, keepdims=True)
        return float((p * away**2).sum())

    w, d, dx = layer.parameters, v.parameters, v.input
    dz = dx @ w.head.weight.T + x @ d.head.weight.T
    dz = dz if d.head.bias is None else dz + d.head.bias
    total += spread(cache.head_log_prob, dz[routing.kept])
    for i, rows in enumerate(routing.rows):
        (p, u), (dp, du) = ((t.projection.weight, t.output.weight)
                            for t in (w.tail[i], d.tail[i]))
        dt = (dx[rows] @ p.T + x[rows] @ dp.T) @ u.T + x[rows] @ p.T @ du.T
        dt = dt if d.tail[i].output.bias is None else dt + d.tail[i].output.bias
        total += spread(cache.tail_log_prob[i], dt)
    return total / scale


@on_problems(6, dtype="float64")
def test_where_the_logits_are_linear_in_what_moves_the_hessian_is_gauss_newtons(problem):
    """The head's weights and the tails' output maps, or the input alone; then nothing differs."""
    layer, _, _, v, upstream, cache = drawn(problem)
    outer = type(v.parameters).from_items({
        path: 0 * leaf if path.endswith(".0.weight") else leaf
        for path, leaf in v.parameters.items()})
    for direction, names in (((None, outer), outer_names(outer)), ((v.input, None), ["input"])):
        ours = leaves(hvp(layer, cache, *direction, *upstream))
        gauss_newton = leaves(gnvp(layer, cache, *direction, *upstream))
        for name in names:
            assert np.array_equal(ours[name], gauss_newton[name])


def outer_names(tree):
    return [path for path, _ in tree.items() if not path.endswith(".0.weight")]


@on_problems(6, dtype="float64")
def test_the_hessian_of_a_sum_of_scores_is_bartletts(problem):
    """Σ_y p(y) H(log p(y)) = -Σ_y p(y) ∇log p(y) ∇log p(y)ᵀ, by one row a class."""
    layer, x, _, v, _, _ = drawn(problem)
    layer = AdaptiveLogSoftmaxWithLoss.from_state_dict(layer.state_dict(), reduction="sum")
    for row, dx in zip(x[:2], v.input[:2]):
        y = np.arange(problem.n_classes)
        rows, moved = (np.tile(a, (len(y), 1)) for a in (row, dx))
        _, cache = layer.forward(rows, y)
        p = np.exp(layer.log_prob(row))
        found = hvp(layer, cache, moved, v.parameters, p, 0.0)
        wanted = layer.backward(cache, -p * jvp(layer, cache, moved, v.parameters).output, 0.0)
        due = rounding.Model.of(layer, rows).move(
            leaves(Gradients(moved, v.parameters))).hvp(y, p, 0.0, "sum")
        found, wanted = leaves(found), leaves(wanted)
        found["input"], wanted["input"] = (a["input"].sum(0) for a in (found, wanted))
        for name in found:
            error = due[name].error.sum(0) if name == "input" else due[name].error
            assert (abs(found[name] - wanted[name]) <= 2 * U * error + 1e-300).all(), name


@on_problems(3, dtype="float64", scale=2.0)
def test_tangents_are_linear_in_the_direction(problem):
    """By powers of two to the last bit: twice the direction, twice the tangent."""
    layer, x, _, v, upstream, cache = drawn(problem)
    twice = Gradients(2 * v.input, v.parameters.map(lambda d: 2 * d))
    one, two = ([*jvp(layer, cache, *d), log_prob_jvp(layer, x, *d),
                 *leaves(hvp(layer, cache, *d, *upstream)).values(),
                 *leaves(gnvp(layer, cache, *d, *upstream)).values()] for d in (v, twice))
    for a, b in zip(one, two):
        assert np.array_equal(2 * np.asarray(a), np.asarray(b))


def test_what_is_not_given_stands_still():
    problem = Problem()
    layer, x, _, v, upstream, cache = drawn(problem)
    still = Gradients(0 * v.input, v.parameters.map(lambda d: 0 * d))
    for rule, more in ((jvp, ()), (hvp, upstream), (gnvp, upstream)):
        for given_, full in (((v.input,), (v.input, still.parameters)),
                             ((None, v.parameters), (still.input, v.parameters)),
                             ((), tuple(still))):
            a = rule(layer, cache, *given_, *(None,) * (2 - len(given_)), *more)
            b = rule(layer, cache, *full, *more)
            a, b = (r if rule is jvp else leaves(r).values() for r in (a, b))
            assert all(map(np.array_equal, a, b))
    assert np.array_equal(log_prob_jvp(layer, x, v.input),
                          log_prob_jvp(layer, x, v.input, still.parameters))


def test_a_cache_serves_many_directions_and_backward_after_them():
    layer, x, y, v, upstream, cache = drawn(Problem())
    before = leaves(layer.backward(cache, *upstream))
    first = leaves(hvp(layer, cache, *v, *upstream))
    jvp(layer, cache, v.input), gnvp(layer, cache, *v)
    assert all(map(np.array_equal, first.values(),
                   leaves(hvp(layer, cache, *v, *upstream)).values()))
    assert all(map(np.array_equal, before.values(),
                   leaves(layer.backward(cache, *upstream)).values()))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 6), st.integers(0, 5), st.integers(0, 2**16), st.sampled_from([0.1, 3, 60]))
def test_the_tangent_of_a_log_softmax_is_the_transpose_of_its_backward(k, n, seed, scale):
    from npadasoft.functional import log_softmax, log_softmax_backward
    rng = np.random.default_rng(seed)
    z, dz, grad = (rng.standard_normal((n, k)) for _ in range(3))
    log_p = log_softmax(scale * z)
    moved, pulled = log_softmax_jvp(log_p, dz), log_softmax_backward(log_p, grad)
    assert abs((grad * moved).sum() - (pulled * dz).sum()) <= 64 * U * (
        abs(grad * moved).sum() + abs(pulled * dz).sum())
    due = rounding.jvp(rounding.log_softmax(Approx(scale * z)), Approx(dz))
    assert_within(moved, due.value, due.error, "float64")


# ------------------------------------------------------------------------ cost

class Counting(np.ndarray):
    """An array that counts the multiplications of the matrix products that it takes part in."""

    count = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **keywords):
        inputs = [a.view(np.ndarray) if isinstance(a, Counting) else a for a in inputs]
        if out is not None:
            keywords["out"] = tuple(a.view(np.ndarray) for a in out)
        if ufunc is np.matmul:
            (n, k), (_, m) = (a.shape for a in inputs)
            Counting.count += n * k * m
        result = getattr(ufunc, method)(*inputs, **keywords)
        return result.view(Counting) if isinstance(result, np.ndarray) else result


def cost(call):
    """(What `call` answers, multiplications in matrix products)."""
    Counting.count = 0
    result = call()
    return result, Counting.count


def test_forward_mode_costs_two_forwards_and_the_hessian_less_than_four_steps(monkeypatch):
    """Multiplications of matrix products; the Hessian's with the forward that made its cache."""
    monkeypatch.setattr(checks, "as_array", lambda value, xp: np.asanyarray(value))
    problem = Problem(in_features=8, cutoffs=(5, 20, 60), n=30, used=(0, 1, 2))
    layer, x, y, v, _, _ = drawn(problem)
    layer = layer.with_parameters(layer.parameters.map(lambda w: w.view(Counting)))
    x, v = x.view(Counting), Gradients(v.input.view(Counting),
                                       v.parameters.map(lambda d: d.view(Counting)))
    (_, cache), forward = cost(lambda: layer.forward(x, y))
    _, backward = cost(lambda: layer.backward(cache))
    assert backward == 2 * forward > 0
    assert cost(lambda: jvp(layer, cache, *v))[1] == 2 * forward
    assert cost(lambda: gnvp(layer, cache, *v))[1] == 2 * forward + backward
    assert 3 * backward < cost(lambda: hvp(layer, cache, *v))[1] <= 3.5 * backward
    assert cost(lambda: hvp(layer, cache, *v))[1] + forward <= 4 * (forward + backward)
    everything = cost(lambda: layer.log_prob(x))[1]
    assert cost(lambda: log_prob_jvp(layer, x, *v))[1] == 3 * everything


# ------------------------------------------------------------------------ dtypes, shapes, refusals

@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64",
                                   "complex128"])
@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (0,), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_results_have_the_dtype_and_the_shape_of_what_moves(dtype, shape, reduction):
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, True, dtype=dtype, reduction=reduction,
                                       rng=0)
    x = np.ones((*shape, 4), dtype)
    y = (np.arange(math.prod(shape)) % 9).reshape(shape)
    _, cache = layer.forward(x, y)
    tree = layer.parameters.map(lambda w: w * w)
    d_output, d_loss = jvp(layer, cache, x, tree)
    assert d_output.shape == shape and d_loss.shape == (shape if reduction == "none" else ())
    assert d_output.dtype == d_loss.dtype == np.dtype(dtype)
    assert np.isfinite(np.asarray(d_loss)).all()
    found = log_prob_jvp(layer, x, x, tree)
    assert found.shape == (*shape, 9) and found.dtype == np.dtype(dtype)
    for rule in (hvp, gnvp):
        result = rule(layer, cache, x, tree)
        assert result.input.shape == x.shape
        for path, leaf in result.parameters.items():
            assert leaf.dtype == np.dtype(dtype) and np.isfinite(leaf).all(), path
        assert [(p, a.shape) for p, a in result.parameters.items()] == [
            (p, a.shape) for p, a in layer.parameters.items()]


@pytest.mark.parametrize("moving", ["input", "head.weight", "tail.0.1.weight", "tail.1.0.weight"])
def test_a_complex_direction_of_anything_makes_complex_tangents(moving):
    """Real and imaginary part are the tangents along the two parts."""
    layer, x, y, v, upstream, cache = drawn(Problem(cutoffs=(3, 5, 9)))
    w = leaves(along(Problem(cutoffs=(3, 5, 9)), "other"))
    parts = {name: leaf + 1j * w[name] if name == moving else leaf
             for name, leaf in leaves(v).items()}
    imaginary = {name: w[name] if name == moving else 0 * leaf for name, leaf in leaves(v).items()}

    def split(items):
        items = dict(items)
        return items.pop("input"), type(v.parameters).from_items(items)

    def all_of(direction):
        return [*jvp(layer, cache, *direction), log_prob_jvp(layer, x, *direction),
                *leaves(hvp(layer, cache, *direction, *upstream)).values(),
                *leaves(gnvp(layer, cache, *direction, *upstream)).values()]

    for both, re, im in zip(all_of(split(parts)), all_of(v), all_of(split(imaginary))):
        assert np.asarray(both).dtype == np.complex128
        size = abs(np.asarray(both)).max()
        assert abs(both.real - re).max() <= 64 * U * size
        assert abs(both.imag - im).max() <= 64 * U * size


def test_half_precision_is_widened_inside_and_rounded_once():
    problem = Problem(dtype="float16", n=6)
    layer, x, y, v, _, cache = drawn(problem)
    wide = layer.with_parameters(layer.parameters.map(lambda w: w.astype(np.float32)))
    moved = Gradients(v.input.astype(np.float32),
                      v.parameters.map(lambda d: d.astype(np.float32)))
    _, wide_cache = wide.forward(x.astype(np.float32), y)
    found = [*jvp(layer, cache, *v), log_prob_jvp(layer, x, *v),
             *leaves(hvp(layer, cache, *v)).values(), *leaves(gnvp(layer, cache, *v)).values()]
    wanted = [*jvp(wide, wide_cache, *moved), log_prob_jvp(wide, x.astype(np.float32), *moved),
              *leaves(hvp(wide, wide_cache, *moved)).values(),
              *leaves(gnvp(wide, wide_cache, *moved)).values()]
    assert all(np.array_equal(a, np.asarray(b).astype(np.float16)) for a, b in zip(found, wanted))


def test_ignored_rows_leave_before_any_arithmetic():
    """nan in an ignored row, its direction or its upstream reaches nothing."""
    problem = Problem(n=9, ignored=0.4)
    layer, x, y, v, (grad_output, grad_loss), _ = drawn(problem)
    out = y < 0
    assert out.any()
    for a in (x, v.input, grad_output):
        a[out] = np.nan
    _, cache = layer.forward(x, y)
    d_output, d_loss = jvp(layer, cache, *v)
    assert (d_output[out] == 0).all() and np.isfinite(d_loss)
    for rule in (hvp, gnvp):
        found = rule(layer, cache, *v, grad_output, grad_loss)
        assert (found.input[out] == 0).all()
        assert all(np.isfinite(leaf).all() for leaf in leaves(found).values())


def test_a_batch_without_rows_that_count_moves_nothing():
    layer, _, _, v, _, cache = drawn(Problem(n=4, ignored=1.0))
    d_output, d_loss = jvp(layer, cache, *v)
    assert d_loss == 0 and (d_output == 0).all()
    assert not any(leaf.any() for leaf in leaves(hvp(layer, cache, *v)).values())


@pytest.mark.parametrize("wrong, text", [
    (lambda v: (v.input[:3], v.parameters),
     r"direction of input has a shape of \(3, 5\) and input has a shape of \(7, 5\)"),
    (lambda v: (1.0, v.parameters), r"direction of input has a shape of \(\)"),
    (lambda v: (v.input, v.parameters.map(lambda d: d[:1])),
     r"direction of head.weight has a shape of \(1, 5\) and head.weight has a shape of \(6, 5\)"),
    (lambda v: (v.input, AdaptiveLogSoftmaxWithLoss(5, 16, [3]).parameters), "trees differ"),
])
def test_a_direction_of_another_shape_is_refused(wrong, text):
    layer, x, _, v, _, cache = drawn(Problem())
    for call in (lambda d: jvp(layer, cache, *d), lambda d: hvp(layer, cache, *d),
                 lambda d: gnvp(layer, cache, *d), lambda d: log_prob_jvp(layer, x, *d)):
        with pytest.raises(ValueError, match=text):
            call(wrong(v))


def test_a_direction_of_another_precision_or_kind_is_refused():
    layer, x, _, v, _, cache = drawn(Problem())
    with pytest.raises(TypeError, match="direction of input is float32 but the layer is float64"):
        jvp(layer, cache, v.input.astype("float32"))
    with pytest.raises(TypeError, match="direction of tail.0.0.weight should hold floating-point"):
        hvp(layer, cache, None, v.parameters.map(
            lambda d: d.astype(int) if d.shape == (2, 5) else d))
    with pytest.raises(ValueError, match="Mismatch in shape: grad_output has a shape of"):
        hvp(layer, cache, *v, np.ones(3))


# ------------------------------------------------------------------------ the checks can fail

PLANTED = [
    ("_logit_curvature", "log_p) * d_log_p * -q", "log_p) * d_log_p * q"),      # sign
    ("_linear_jvp", "linear(dx, map.weight) + ", ""),               # the input stands still
    ("_linear_backward_jvp", " + dy @ d_map.weight", ""),           # cross terms
    ("_linear_backward_jvp", " + dy.T @ d_x", ""),
    ("_linear_backward_jvp", "d_dy.T @ x", "dy.T @ x"),
    ("log_softmax_jvp", "dz - weighted.sum", "dz + weighted.sum"),
    ("log_softmax_jvp", "moved[rows, top] =", "ignored ="),         # 1 - p cancels
    ("_pull_back_tangent", "moved[rows] += moved_rows", "pass"),    # a tail forgotten
    ("_pull_back_tangent", "dx[rows], d_tail", "x[rows], d_tail"),
    ("_pull_back_tangent", "ds = dtails[i] @", "ds = ddtails[i] @"),
    ("_linear_backward_jvp", "bias_backward(d_dy)", "bias_backward(dy)"),
    ("_linear_jvp", "d_map.weight, d_map.bias", "d_map.weight"),
    ("jvp", "max(cache.routing.n_kept, 1)", "cache.input.shape[0]"),
]


@pytest.mark.parametrize("function, old, new", PLANTED)
def test_a_mistake_planted_in_the_tangents_is_seen(function, old, new, monkeypatch):
    source = inspect.getsource(getattr(tangents, function))
    assert old in source
    namespace = dict(vars(tangents))
    exec(source.replace(old, new), namespace)
    monkeypatch.setattr(tangents, function, namespace[function])
    with pytest.raises(AssertionError):
        check_confident(50)
        for problem in (Problem(n=9, ignored=0.3), *ALWAYS[:4]):
            check_bounds(problem, *drawn(problem))
