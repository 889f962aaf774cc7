"""The theorems of the adaptive log-softmax, one sentence-named test each.

Tolerances are running error bounds (`rounding.py`), composed with the arithmetic of the law itself.
Upstream gradients are never uniform: uniform ones hide errors.
"""
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rounding
import witnesses
from npadasoft import Gradients
from rounding import Approx, Model, assert_within
from strategies import ALWAYS, LAYOUTS, Problem, on_problems

U = 2.0**-53


def backward(problem, layer, x=None, y=None, upstream=None):
    """(output, loss), gradients for the problem's upstream."""
    x = problem.input() if x is None else x
    y = problem.target() if y is None else y
    result, cache = layer.forward(x, y)
    return result, layer.backward(cache, *(upstream or problem.upstream()))


def errors(problem, layer, y=None, upstream=None):
    """What `backward` is due to find, with bounds: {name: Approx}."""
    y = problem.target() if y is None else y
    model = Model.of(layer, problem.input())
    return model.gradients(y, *(upstream or problem.upstream()), problem.reduction)


def assert_same(found, wanted, due, dtype, times=2):
    """Two evaluations of the same gradients differ by no more than twice the bound on each."""
    found, wanted = witnesses.leaves(found), witnesses.leaves(wanted)
    for name, bound in due.items():
        assert_within(found[name], wanted[name], times * bound.error, dtype, name)


def long(a):
    return np.asarray(a).astype(np.longdouble)


# ------------------------------------------------------------------------ the whole

@on_problems(40)
def test_every_result_is_as_near_to_the_exact_one_as_rounding_allows(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    model = Model.of(layer, x)
    (output, loss), grads = backward(problem, layer)
    due, wanted_loss = model.output(y), model.loss(y, problem.reduction)
    assert_within(output, due.value, due.error, problem.dtype, "output")
    if problem.reduction == "mean" and not (y >= 0).any():
        assert np.isnan(loss)
    else:
        assert_within(loss, wanted_loss.value, wanted_loss.error, problem.dtype, "loss")
    log_p = model.log_prob()
    assert_within(layer.log_prob(x), log_p.value, log_p.error, problem.dtype, "log_prob")
    found = witnesses.leaves(grads)
    for name, bound in errors(problem, layer).items():
        assert_within(found[name], bound.value, bound.error, problem.dtype, name)


@on_problems(30)
def test_the_gradients_of_log_prob_are_as_near_as_rounding_allows(problem):
    layer, x = problem.layer(), problem.input()
    grad = problem.rng("grad").standard_normal((problem.n, problem.n_classes)).astype(problem.dtype)
    found = witnesses.leaves(layer.log_prob_backward(x, grad))
    for name, bound in Model.of(layer, x).log_prob_gradients(grad).items():
        assert_within(found[name], bound.value, bound.error, problem.dtype, name)


# ------------------------------------------------------------------------ forward

@on_problems()
def test_probabilities_sum_to_one(problem):
    layer, x = problem.layer(), problem.input()
    total = Model.of(layer, x).log_prob().exp().sum(-1)
    found = np.exp(long(layer.log_prob(x))).sum(-1)
    assert_within(found, np.ones(problem.n), total.error, problem.dtype)


@on_problems()
def test_the_classes_of_a_cluster_sum_to_the_probability_of_its_column(problem):
    layer, x = problem.layer(), problem.input()
    model, c = Model.of(layer, x), layer.cutoffs
    p, exact = np.exp(long(layer.log_prob(x))), model.log_prob().exp()
    for i in range(layer.n_clusters):
        column = model.head.exp()[:, layer.shortlist_size + i]
        total = exact[:, c[i]:c[i + 1]].sum(-1)
        assert_within(p[:, c[i]:c[i + 1]].sum(-1), column.value, total.error, problem.dtype)


@on_problems()
def test_output_is_log_prob_at_the_target(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    bound = Model.of(layer, x).output(y).error
    everything = layer.log_prob(x)
    at_target = np.where(y >= 0, everything[np.arange(problem.n), y.clip(0)], 0)
    assert_within(layer(x, y).output, at_target, 2 * bound, problem.dtype)


@on_problems()
def test_no_log_probability_is_positive(problem):
    layer, x = problem.layer(), problem.input()
    assert (layer.log_prob(x) <= 0).all()
    assert (layer(x, problem.target()).output <= 0).all()


@on_problems()
def test_the_loss_is_the_reduced_negative_output(problem):
    layer, y = problem.layer(), problem.target()
    output, loss = layer(problem.input(), y)
    counted = long(output)[y >= 0]
    if problem.reduction == "none":
        assert np.array_equal(loss, 0 - output) and not np.signbit(loss).any()
        return
    scale = max(len(counted), 1) if problem.reduction == "mean" else 1
    if len(counted) or problem.reduction == "sum":
        error = (len(counted) + 1) * abs(counted).sum() / scale
        assert_within(loss, -counted.sum() / scale, error, problem.dtype)
    else:
        assert np.isnan(loss)


def shifted(problem, layer, name):
    """The layer with one vector added to every row of the weight `name`, and its exact rounding."""
    def move(path, w):
        vector = problem.rng("shift").standard_normal(w.shape[1:]).astype(w.dtype)
        return w + vector if path == name else w
    weights = {path: move(path, w) for path, w in layer.parameters.items()}
    moved = layer.with_parameters(type(layer.parameters).from_items(weights))
    return moved, {path: Approx(w, abs(w) * (path == name)) for path, w in weights.items()}


@on_problems()
def test_a_vector_added_to_every_row_of_a_softmax_weight_changes_nothing(problem):
    layer, x = problem.layer(), problem.input()
    names = ["head.weight", *(f"tail.{i}.1.weight" for i in range(layer.n_clusters))]
    before = Model.of(layer, x).log_prob().error
    for name in names + ["head.bias"] * problem.head_bias:
        moved, weights = shifted(problem, layer, name)
        after = Model(weights, layer.cutoffs, x).log_prob().error
        assert_within(moved.log_prob(x), layer.log_prob(x), before + after, problem.dtype, name)


@on_problems()
def test_a_change_of_basis_of_the_hidden_features_changes_nothing(problem):
    layer, x = problem.layer(), problem.input()
    weights = {path: Approx(w) for path, w in layer.parameters.items()}
    for i in range(layer.n_clusters):
        size = layer.parameters.tail[i].projection.weight.shape[0]
        shear = np.eye(size, dtype=problem.dtype) + 2 * np.eye(size, k=1, dtype=problem.dtype)
        inverse = np.round(np.linalg.inv(shear.astype(float)))
        weights[f"tail.{i}.0.weight"] = Approx(shear) @ weights[f"tail.{i}.0.weight"]
        weights[f"tail.{i}.1.weight"] = weights[f"tail.{i}.1.weight"] @ Approx(inverse)
    moved = layer.with_parameters(type(layer.parameters).from_items(
        {path: w.value.astype(problem.dtype) for path, w in weights.items()}))
    before = Model.of(layer, x).log_prob().error
    after = Model(weights, layer.cutoffs, x).log_prob().error
    assert_within(moved.log_prob(x), layer.log_prob(x), before + after, problem.dtype)


@on_problems(10, cutoffs=(1, 2, 3, 4, 5))
def test_with_one_class_clusters_the_layer_is_the_plain_softmax(problem):
    scipy_special = witnesses.witness("scipy.special")
    layer, x = problem.layer(), problem.input()
    z = Model.of(layer, x).z
    due = rounding.log_softmax(z)
    wanted = scipy_special.log_softmax(z.value.astype(problem.dtype), axis=-1)
    # SciPy ends in t - log(1 + s): its error where log p is near 0 is absolute, a few u
    assert_within(layer.log_prob(x), wanted, 2 * due.error + rounding.LIBRARY, problem.dtype)


def test_logits_of_ten_thousand_stay_finite():
    problem = Problem(n=8)
    layer, x, y = problem.layer(), problem.input(), problem.target()
    layer = layer.with_parameters(layer.parameters.map(lambda w: w * 1e3))
    assert abs(Model.of(layer, x).z.value).max() > 1e3 < abs(Model.of(layer, x).t[0].value).max()
    (output, loss), grads = backward(problem, layer, x, y)
    for a in (output, loss, layer.log_prob(x), *witnesses.leaves(grads).values()):
        assert np.isfinite(a).all()
    for name, bound in errors(problem, layer).items():
        assert_within(witnesses.leaves(grads)[name], bound.value, bound.error, "float64", name)


# ------------------------------------------------------------------------ batches

@on_problems()
def test_permuting_the_batch_permutes_output_and_input_gradient_and_nothing_else(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    grad_output, grad_loss = problem.upstream()
    p = problem.rng("permutation").permutation(problem.n)
    loss_part = grad_loss[p] if problem.reduction == "none" else grad_loss
    before, grads = backward(problem, layer)
    after, moved = backward(problem, layer, x[p], y[p], (grad_output[p], loss_part))
    bound = Model.of(layer, x).output(y).error[p]
    assert_within(after.output, before.output[p], 2 * bound, problem.dtype)
    back = Gradients(moved.input[np.argsort(p)], moved.parameters)
    assert_same(back, grads, errors(problem, layer), problem.dtype)


@on_problems(reduction="sum")
def test_the_sum_is_additive_over_a_split_batch(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    grad_output, grad_loss = problem.upstream()
    whole, grads = backward(problem, layer)
    first, second = slice(None, problem.n // 3), slice(problem.n // 3, None)
    parts = [backward(problem, layer, x[part], y[part], (grad_output[part], grad_loss))
             for part in (first, second)]
    joined = Gradients(np.concatenate([g.input for _, g in parts]),
                       parts[0][1].parameters.map(lambda a, b: a + b, parts[1][1].parameters))
    due = errors(problem, layer)
    slack = {k: Approx(b.value, b.error + abs(b.value) / 2) for k, b in due.items()}  # the a + b
    assert_same(joined, grads, slack, problem.dtype)
    assert_within(sum(long(r.loss) for r, _ in parts), whole.loss,
                  2 * Model.of(layer, x).loss(y, "sum").error, problem.dtype)


@on_problems(ignored=0.4)
def test_an_ignored_row_is_a_row_removed(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    grad_output, grad_loss = problem.upstream()
    kept = y >= 0
    if not problem.dtype.startswith("c"):
        x, grad_output = x.copy(), grad_output.copy()
        x[~kept], grad_output[~kept] = np.nan, np.nan           # what is in it does not matter
    loss_part = grad_loss[kept] if problem.reduction == "none" else grad_loss
    (output, loss), grads = backward(problem, layer, x, y, (grad_output, grad_loss))
    less, removed = backward(problem, layer, x[kept], y[kept], (grad_output[kept], loss_part))
    assert not output[~kept].any() and not grads.input[~kept].any()
    due = errors(problem, layer)
    due["input"] = due["input"][kept]
    assert_same(Gradients(grads.input[kept], grads.parameters), removed, due, problem.dtype)
    model = Model.of(layer, problem.input())
    assert_within(output[kept], less.output, 2 * model.output(y).error[kept], problem.dtype)
    if problem.reduction == "none":
        assert np.array_equal(loss[~kept], np.zeros((~kept).sum()))
    elif kept.any():
        bound = model.loss(y, problem.reduction)
        assert_within(loss, less.loss, 2 * bound.error, problem.dtype)


@on_problems(reduction="sum")
def test_a_row_twice_weighs_twice(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    grad_output, grad_loss = problem.upstream()
    _, once = backward(problem, layer, upstream=(2 * grad_output, 2 * grad_loss))
    _, twice = backward(problem, layer, np.repeat(x, 2, 0), np.repeat(y, 2),
                        (np.repeat(grad_output, 2), grad_loss))
    assert np.array_equal(twice.input[::2], twice.input[1::2])
    due = Model.of(layer, np.repeat(x, 2, 0)).gradients(
        np.repeat(y, 2), np.repeat(grad_output, 2), grad_loss, "sum")
    for name, w in once.parameters.items():
        assert_within(dict(twice.parameters.items())[name], w, 2 * due[name].error, problem.dtype)


@on_problems()
def test_a_cluster_without_a_target_has_zero_gradients(problem):
    layer, y = problem.layer(), problem.target()
    _, grads = backward(problem, layer)
    for i, cluster in enumerate(grads.parameters.tail):
        if not ((layer.cutoffs[i] <= y) & (y < layer.cutoffs[i + 1])).any():
            for leaf, w in ((cluster.projection.weight, layer.parameters.tail[i].projection.weight),
                            (cluster.output.weight, layer.parameters.tail[i].output.weight)):
                assert leaf.shape == w.shape and not leaf.any()


@on_problems(cutoffs=(2, 3, 4, 9))
def test_a_cluster_of_one_class_has_zero_gradients(problem):
    layer = problem.layer()
    _, grads = backward(problem, layer)
    for cluster in grads.parameters.tail[:2]:
        assert not cluster.projection.weight.any() and not cluster.output.weight.any()


@on_problems(in_features=3, div_value=4.0)
def test_hidden_size_zero_makes_a_uniform_cluster(problem):
    layer, x = problem.layer(), problem.input()
    assert set(layer.hidden_sizes) == {0}
    head = Model.of(layer, x).head
    for i in range(layer.n_clusters):
        size = layer.cutoffs[i + 1] - layer.cutoffs[i]
        column = head[:, layer.shortlist_size + i, None]
        uniform = np.repeat(column.value - np.log(np.longdouble(size)), size, 1)
        error = column.error + size + rounding.LIBRARY * np.log(size) + abs(uniform)
        found = layer.log_prob(x)[:, layer.cutoffs[i]:layer.cutoffs[i + 1]]
        assert_within(found, uniform, error, problem.dtype)


# ------------------------------------------------------------------------ backward

@on_problems()
def test_gradients_are_linear_in_the_upstream(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    grad_output, grad_loss = problem.upstream()
    _, cache = layer.forward(x, y)
    both = layer.backward(cache, grad_output, grad_loss)
    one = layer.backward(cache, grad_output, 0.0)
    other = layer.backward(cache, None, -grad_loss)
    parts = [errors(problem, layer, upstream=u)
             for u in ((grad_output, 0 * grad_loss), (0 * grad_output, -grad_loss))]
    due = errors(problem, layer)
    one, other, both = map(witnesses.leaves, (one, other, both))
    for name in due:
        error = due[name].error + parts[0][name].error + parts[1][name].error
        assert_within(both[name], long(one[name]) - long(other[name]), error, problem.dtype, name)


@on_problems()
def test_the_gradient_of_one_hot_log_prob_is_backward(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    q = problem.upstream()[0]
    _, cache = layer.forward(x, y)
    grad = np.zeros((problem.n, problem.n_classes), dtype=problem.dtype)
    known = np.flatnonzero(y >= 0)
    grad[known, y[known]] = q[known]
    model = Model.of(layer, x)
    due, whole = model.gradients(y, q, 0.0, "sum"), model.log_prob_gradients(grad)
    bounds = {k: Approx(due[k].value, due[k].error + whole[k].error) for k in due}
    assert_same(layer.log_prob_backward(x, grad), layer.backward(cache, q, 0.0), bounds,
                problem.dtype, times=1)


@on_problems()
def test_the_gradients_of_each_softmax_sum_to_zero_over_its_entries(problem):
    layer = problem.layer()
    _, grads = backward(problem, layer)
    due = errors(problem, layer)
    tree = dict(grads.parameters.items())
    names = ["head.weight", *(f"tail.{i}.1.weight" for i in range(layer.n_clusters))]
    for name in names + ["head.bias"] * problem.head_bias:
        total = long(tree[name]).sum(0)
        assert_within(total, 0 * total, due[name].error.sum(0), problem.dtype, name)


@on_problems(n=1, head_bias=True)
def test_the_logit_gradient_of_the_head_has_size_twice_what_the_target_lacks(problem):
    layer, y = problem.layer(), problem.target()
    _, grads = backward(problem, layer, upstream=(np.full(1, -1, problem.dtype), 0.0))
    model = Model.of(layer, problem.input())
    due = model.gradients(y, -np.ones(1), 0.0, "sum")["head.bias"]
    found = grads.parameters.head.bias
    if y[0] >= 0:
        cluster = sum(y[0] >= c for c in layer.cutoffs[:-1])
        column = y[0] if not cluster else layer.shortlist_size + cluster - 1
        lacks = -np.expm1(model.head.value[0, column])
        assert_within(abs(long(found)).sum(), 2 * lacks, 2 * due.error.sum(), problem.dtype)
        assert found[column] <= 0 and (np.delete(found, column) >= 0).all()
    else:
        assert not found.any()


@on_problems(20)
def test_both_weights_of_a_cluster_see_the_same_scale(problem):
    """P · dPᵀ = dUᵀ · U: what a change of basis of the hidden features leaves unchanged."""
    layer = problem.layer()
    _, grads = backward(problem, layer)
    due = errors(problem, layer)
    for i, (cluster, d) in enumerate(zip(layer.parameters.tail, grads.parameters.tail)):
        p, u = long(cluster.projection.weight), long(cluster.output.weight)
        left, right = p @ long(d.projection.weight).T, long(d.output.weight).T @ u
        error = (abs(p) @ due[f"tail.{i}.0.weight"].error.T
                 + due[f"tail.{i}.1.weight"].error.T @ abs(u))
        assert_within(left, right, error, problem.dtype, f"cluster {i}")


@on_problems(20)
def test_input_and_weights_see_the_same_scale(problem):
    """Xᵀ dX = dWᵀ W + Σ dPᵀ P: what a change of basis of the input leaves unchanged."""
    layer, x = problem.layer(), long(problem.input())
    _, grads = backward(problem, layer)
    due = errors(problem, layer)
    maps = [("head.weight", grads.parameters.head, layer.parameters.head)]
    maps += [(f"tail.{i}.0.weight", d.projection, w.projection) for i, (d, w)
             in enumerate(zip(grads.parameters.tail, layer.parameters.tail))]
    right = sum(long(d.weight).T @ long(w.weight) for _, d, w in maps)
    error = abs(x).T @ due["input"].error + sum(
        due[name].error.T @ abs(long(w.weight)) for name, _, w in maps)
    assert_within(x.T @ long(grads.input), right, error, problem.dtype)


@on_problems()
def test_scaling_the_head_scales_its_logits(problem):
    """⟨W, dW⟩ + ⟨b, db⟩ = ⟨Z, dZ⟩, and ⟨U, dU⟩ = ⟨T, dT⟩ in each cluster."""
    layer, y = problem.layer(), problem.target()
    _, grads = backward(problem, layer)
    model = Model.of(layer, problem.input())
    due = model.gradients(y, *problem.upstream(), problem.reduction)
    found, weights = dict(grads.parameters.items()), dict(layer.parameters.items())

    def trace(*names):
        value = sum((long(weights[n]) * long(found[n])).sum() for n in names)
        return value, sum((abs(long(weights[n])) * due[n].error).sum() for n in names)

    names = ["head.weight", *["head.bias"] * problem.head_bias]
    value, error = trace(*names)
    assert_within(value, (model.z.value * model.dhead.value).sum(), error, problem.dtype)
    for i, (t, dt) in enumerate(zip(model.t, model.dtails)):
        value, error = trace(f"tail.{i}.1.weight", *[f"tail.{i}.1.bias"] * problem.tail_bias)
        assert_within(value, (t.value * dt.value).sum(), error, problem.dtype)


@on_problems()
def test_the_expected_score_is_zero(problem):
    """Σ_w p(w) d log p(w) = 0: the gradient of log_prob weighted by the probabilities."""
    layer, x = problem.layer(), problem.input()
    p = np.exp(layer.log_prob(x))
    grads = witnesses.leaves(layer.log_prob_backward(x, p))
    model = Model.of(layer, x)
    exact = model.log_prob().exp()
    due = model.log_prob_gradients(p)
    for name, found in grads.items():
        assert due[name].error.shape == found.shape
    # p is itself rounded: the gradient is as far from zero as one of p's error in each class
    moved = Model.of(layer, x)
    slack = expected_score_slack(moved, exact.error)
    for name, found in grads.items():
        assert_within(found, 0 * found, due[name].error + slack[name], problem.dtype, name)


def expected_score_slack(model, error):
    """|gradients| of log_prob for upstreams of size `error`, whatever their signs."""
    size, s = Approx(error), model.cutoffs[0]
    parts = [size[:, a:b] for a, b in zip(model.cutoffs, model.cutoffs[1:])]
    dhead = np.concatenate([error[:, :s], *(p.value.sum(-1)[:, None] for p in parts)], 1)

    def spread(log_p, grad):
        return grad + grad.sum(-1)[:, None] * np.exp(log_p.value)

    absolute = Model.__new__(Model)
    absolute.w = {k: Approx(abs(w.value)) for k, w in model.w.items()}
    absolute.x = Approx(abs(model.x.value))
    absolute.hidden = [Approx(abs(h.value)) for h in model.hidden]
    return {k: a.value for k, a in absolute.pull_back(
        Approx(spread(model.head, dhead)),
        [Approx(spread(t, p.value)) for t, p in zip(model.tails, parts)]).items()}


@on_problems()
def test_the_blocked_pass_has_the_numbers_of_forward_and_backward(problem):
    assert_blocked(problem)


@on_problems(cutoffs=(40, 45, 100, 170), in_features=2, div_value=1.0)
def test_tiles_of_classes_have_the_numbers_of_whole_softmaxes(problem):
    """In the least memory that is allowed no softmax here is ever whole."""
    assert_blocked(problem)


def assert_blocked(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    result, cache = layer.forward(x, y)
    wanted = layer.backward(cache)
    ones = np.ones(problem.n) if problem.reduction == "none" else 1.0
    due = errors(problem, layer, upstream=(np.zeros(problem.n), ones))
    bound = Model.of(layer, x).loss(y, problem.reduction).error
    sizes = (problem.in_features, *layer.hidden_sizes)
    least = 8 * np.dtype(problem.dtype).itemsize * (5 * max(sizes) + 9)     # one row and one class
    for memory in (2**28, 3 * least, least):
        loss, grads = layer.loss_and_gradients(x, y, memory=memory)
        assert_same(grads, wanted, due, problem.dtype)
        if np.isnan(result.loss).any():
            assert np.isnan(loss)
        else:
            assert_within(loss, result.loss, 2 * bound, problem.dtype)


# ------------------------------------------------------------------------ complex step

REAL = {"dtype": "float64", "layout": "C"}


def outputs(y):
    return lambda layer, x: layer(x, y).output


@on_problems(20, **REAL)
def test_gradients_are_the_transpose_of_the_derivative(problem):
    """⟨grad_output, d output⟩ + ⟨grad_loss, d loss⟩ = ⟨gradients, direction⟩."""
    layer, x, y = problem.layer(), problem.input(), problem.target()
    grad_output, grad_loss = problem.upstream()
    _, grads = backward(problem, layer)
    v = witnesses.directions(layer, x, problem.rng("direction"))
    d_output = witnesses.along(outputs(y), layer, x, v)
    moved = grad_output @ d_output
    if (y >= 0).any() or problem.reduction != "mean":
        d_loss = witnesses.along(lambda layer, x: layer(x, y).loss, layer, x, v)
        moved = moved + np.sum(grad_loss * d_loss)
    due, size = errors(problem, layer), witnesses.leaves(v)
    error = 2 * sum((due[k].error * abs(size[k])).sum() for k in due)   # once for each side
    assert_within(witnesses.inner(grads, v), moved, error, "float64")


@on_problems(20, **REAL)
def test_gradients_of_log_prob_are_the_transpose_of_its_derivative(problem):
    layer, x = problem.layer(), problem.input()
    grad = problem.rng("grad").standard_normal((problem.n, problem.n_classes))
    grads = layer.log_prob_backward(x, grad)
    v = witnesses.directions(layer, x, problem.rng("direction"))
    moved = (grad * witnesses.along(lambda layer, x: layer.log_prob(x), layer, x, v)).sum()
    due, size = Model.of(layer, x).log_prob_gradients(grad), witnesses.leaves(v)
    error = 2 * sum((due[k].error * abs(size[k])).sum() for k in due)
    assert_within(witnesses.inner(grads, v), moved, error, "float64")


@on_problems(20, **REAL)
def test_a_complex_step_leaves_the_values_where_they_are(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    v = witnesses.directions(layer, x, problem.rng("direction"))
    h = witnesses.STEP
    moved = layer.with_parameters(layer.parameters.map(lambda w, d: w + 1j * h * d, v.parameters))
    result, grads = backward(problem, moved, x + 1j * h * v.input)
    bound = Model.of(layer, x).output(y)
    assert_within(result.output.real, bound.value, bound.error, "float64")
    for name, due in errors(problem, layer).items():
        assert_within(witnesses.leaves(grads)[name].real, due.value, due.error, "float64", name)


@on_problems(20, **REAL, scale=2.0)
def test_second_derivatives_are_symmetric(problem):
    """|u · Hv - v · Hu| <= 1e-15 |u| |Hv|, H by input and weights together."""
    ratio = asymmetry(problem)
    assert ratio <= 1e-15


def asymmetry(problem):
    layer, x = problem.layer(), problem.input()
    u = witnesses.directions(layer, x, problem.rng("u"))
    v = witnesses.directions(layer, x, problem.rng("v"))
    hu, hv = (hessian_times(problem, layer, x, w) for w in (u, v))
    scale = witnesses.norm(u) * witnesses.norm(hv)
    return abs(witnesses.inner(u, hv) - witnesses.inner(v, hu)) / (scale or 1)


def hessian_times(problem, layer, x, v):
    """Hv of grad_output · output + grad_loss · loss: a complex step through backward."""
    return witnesses.along(lambda layer, x: backward(problem, layer, x)[1], layer, x, v)


@on_problems(20, **REAL, scale=2.0)
def test_curvature_is_the_variance_of_the_moving_logits(problem):
    """⟨v, Hv⟩ = -Σ q (Var_p Ż + Var_π Ṫ) + ⟨dZ, Z̈⟩ + Σ ⟨dT, T̈⟩, written out with loops."""
    layer, x, y = problem.layer(), problem.input(), problem.target()
    v = witnesses.directions(layer, x, problem.rng("v"))
    found = witnesses.inner(v, hessian_times(problem, layer, x, v))
    value, size = curvature(problem, layer, x, y, v)
    # a sum of products of at most D + 2 H + K + N factors, each rounded once or twice
    terms = 4 * (problem.in_features + 2 * max(layer.hidden_sizes) + layer.n_classes + problem.n)
    assert_within(found, value, terms * size, "float64")


def curvature(problem, layer, x, y, v):
    """(the formula's value, the same with every term made positive)."""
    model = Model.of(layer, x)
    model.gradients(y, *problem.upstream(), problem.reduction)
    w, d = layer.parameters, v.parameters
    q = upstream_of_output(problem, y)
    first = v.input @ w.head.weight.T + x @ d.head.weight.T
    first = first + (d.head.bias if problem.head_bias else 0)
    parts = [(model.head, model.dhead, first, 2 * v.input @ d.head.weight.T, np.ones(problem.n))]
    for i, (cluster, dc) in enumerate(zip(w.tail, d.tail)):
        p, u = cluster.projection.weight, cluster.output.weight
        dp, du = dc.projection.weight, dc.output.weight
        first = v.input @ p.T @ u.T + x @ dp.T @ u.T + x @ p.T @ du.T
        first = first + (dc.output.bias if problem.tail_bias else 0)
        second = 2 * (v.input @ dp.T @ u.T + v.input @ p.T @ du.T + x @ dp.T @ du.T)
        here = (layer.cutoffs[i] <= y) & (y < layer.cutoffs[i + 1])
        parts.append((model.tails[i], model.dtails[i], first, second, here))
    value = size = 0
    for log_p, dlogits, first, second, here in parts:
        p = np.exp(log_p.value)
        mean = (p * first).sum(-1)
        value += (-q * here * ((p * first**2).sum(-1) - mean**2)).sum()
        value += (dlogits.value * second).sum()
        size += (abs(q) * here * 2 * (p * first**2).sum(-1)).sum()
        size += ((abs(dlogits.value) + dlogits.error) * abs(second)).sum()
    size += moved_products(problem, layer, x, v, q)
    return value, size


def moved_products(problem, layer, x, v, q):
    """Σ |q| of the products of absolute values behind the logits' first and second derivatives."""
    w, d = layer.parameters.map(abs), v.parameters.map(abs)
    x, dx = abs(x), abs(v.input)
    first = dx @ w.head.weight.T + x @ d.head.weight.T
    largest = [first.max(-1, initial=0) ** 2 + (2 * dx @ d.head.weight.T).max(-1, initial=0)]
    for c, dc in zip(w.tail, d.tail):
        p, u, dp, du = (m.weight for m in (c.projection, c.output, dc.projection, dc.output))
        first = dx @ p.T @ u.T + x @ dp.T @ u.T + x @ p.T @ du.T
        second = 2 * (dx @ dp.T @ u.T + dx @ p.T @ du.T + x @ dp.T @ du.T)
        largest.append(first.max(-1, initial=0) ** 2 + second.max(-1, initial=0))
    return (abs(q) * sum(largest)).sum()


def upstream_of_output(problem, y):
    """dL/d output through output and loss."""
    grad_output, grad_loss = problem.upstream()
    scale = max((y >= 0).sum(), 1) if problem.reduction == "mean" else 1
    return np.where(y >= 0, grad_output - grad_loss / scale, 0)


@on_problems(20, **REAL, scale=2.0)
def test_the_loss_is_convex_in_the_head(problem):
    layer, x = problem.layer(), problem.input()
    v = witnesses.directions(layer, x, problem.rng("v"))
    tree = v.parameters.map(lambda d: d * 0)
    v = Gradients(0 * v.input, type(tree)(v.parameters.head, tree.tail))
    y = problem.target()

    def gradient(layer, x):
        return layer.backward(layer.forward(x, y)[1])

    bent = witnesses.inner(v, witnesses.along(gradient, layer, x, v))
    first = abs(x) @ abs(v.parameters.head.weight).T + (
        abs(v.parameters.head.bias) if problem.head_bias else 0)
    slack = 4 * (problem.in_features + layer.head_size + problem.n) * (first**2).sum() * U
    assert bent >= -slack
    if problem.n and (y >= 0).any():
        assert bent > 0


@on_problems(20, **REAL, scale=2.0)
def test_the_curvature_of_the_expected_score_is_minus_the_fisher_information(problem):
    """Bartlett: HVP of log_prob with upstream p equals minus its VJP with upstream p · d log p."""
    layer, x = problem.layer(), problem.input()
    v = witnesses.directions(layer, x, problem.rng("v"))
    p = np.exp(layer.log_prob(x))
    bent = witnesses.along(lambda layer, x: layer.log_prob_backward(x, p), layer, x, v)
    score = witnesses.along(lambda layer, x: layer.log_prob(x), layer, x, v)
    fisher = witnesses.leaves(layer.log_prob_backward(x, p * score))
    bent = witnesses.leaves(bent)
    # both are products whose factors are at most these; p · score is made once, and rounded
    size = long(p * (abs(score) + bent_size(layer, x, v)))
    sizes = expected_score_slack(Model.of(layer, x), size)
    moved = expected_score_slack(moved_model(layer, x, v), long(p))
    terms = 4 * (problem.in_features + 2 * max(layer.hidden_sizes) + layer.n_classes + problem.n)
    for name in bent:
        error = terms * (sizes[name] + moved[name])
        assert_within(bent[name], -fisher[name], error, "float64", name)


def bent_size(layer, x, v):
    """The largest |Ż| + |Ṫ| of a row, from products of absolute values: (N, 1)."""
    w, d = layer.parameters.map(abs), v.parameters.map(abs)
    x, dx = abs(x), abs(v.input)
    size = (dx @ w.head.weight.T + x @ d.head.weight.T).max(-1, initial=0)
    size = size + (d.head.bias.max() if d.head.bias is not None else 0)
    for c, dc in zip(w.tail, d.tail):
        p, u, dp, du = (m.weight for m in (c.projection, c.output, dc.projection, dc.output))
        size = size + (dx @ p.T @ u.T + x @ dp.T @ u.T + x @ p.T @ du.T).max(-1, initial=0)
    return size[:, None]


def moved_model(layer, x, v):
    """A model whose weights, input and hidden features are the sizes of what moves."""
    model = Model.of(layer, x)
    moves = dict(v.parameters.items())
    model.hidden = [Approx(abs(x) @ abs(moves[f"tail.{i}.0.weight"]).T + abs(v.input)
                           @ abs(w.projection.weight).T)
                    for i, w in enumerate(layer.parameters.tail)]
    model.w = {k: Approx(abs(w.value) + abs(moves[k])) for k, w in model.w.items()}
    model.x = Approx(abs(x) + abs(v.input))
    return model


@on_problems(6, **REAL, scale=2.0)
def test_differences_of_the_loss_agree_with_its_gradient(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    v = witnesses.directions(layer, x, problem.rng("direction"))

    def along(t):
        moved = layer.with_parameters(layer.parameters.map(lambda w, d: w + t * d, v.parameters))
        return float(np.sum(moved(x + t * v.input, y).output))

    _, cache = layer.forward(x, y)
    grads = layer.backward(cache, np.ones(problem.n), 0.0)
    slope, error = witnesses.richardson(along)
    assert abs(slope - witnesses.inner(grads, v)) <= 10 * error + 1e-300


# ------------------------------------------------------------------------ memory, threads, arrays

@on_problems()
def test_two_forwards_never_interfere(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    upstream = problem.upstream()
    _, cache = layer.forward(x, y)
    alone = witnesses.leaves(layer.backward(cache, *upstream))
    _, cache = layer.forward(x, y)
    other_x = problem.rng("other").standard_normal((4, problem.in_features)).astype(problem.dtype)
    _, other = layer.forward(other_x, np.arange(4) % problem.n_classes)
    layer.backward(other)
    for _ in range(2):                                          # a cache is not used up
        again = witnesses.leaves(layer.backward(cache, *upstream))
        for name, leaf in alone.items():
            assert np.array_equal(again[name], leaf)


@on_problems()
def test_gradients_are_those_at_the_weights_that_forward_saw(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    _, cache = layer.forward(x, y)
    wanted = witnesses.leaves(layer.backward(cache))
    layer.load_state_dict({k: 2 * w for k, w in layer.state_dict().items()})
    found = witnesses.leaves(layer.backward(cache))
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


@on_problems(20)
def test_nothing_that_comes_in_is_written_or_shared(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    upstream = problem.upstream()
    grad = problem.rng("grad").standard_normal((problem.n, problem.n_classes)).astype(problem.dtype)
    weights = [w for _, w in layer.parameters.items()]
    given = [x, y, grad, *(u for u in upstream if np.ndim(u)), *weights]
    before = [a.copy() for a in given]
    result, grads = backward(problem, layer, x, y, upstream)
    fused = layer.loss_and_gradients(x, y)[1]
    top = layer.topk(x, min(3, problem.n_classes))
    results = [*result, layer.log_prob(x), layer.predict(x), *top, layer.sample(x, 0)]
    for g in (grads, fused, layer.log_prob_backward(x, grad)):
        results += witnesses.leaves(g).values()
    for a, b in zip(given, before):
        assert np.array_equal(a, b)
        assert not any(np.shares_memory(a, r) for r in results)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_memory_does_not_matter(layout):
    for problem in ALWAYS:
        layer, x = problem.layer(), problem.input()
        plain, wanted = backward(problem, layer, x)
        arranged = Problem(**{**vars(problem), "layout": layout})
        result, grads = backward(arranged, layer, arranged.input())
        assert result.output.dtype.isnative and result.output.flags.writeable
        bound = Model.of(layer, x).output(problem.target()).error
        assert_within(result.output, plain.output, 2 * bound, problem.dtype)
        assert_same(grads, wanted, errors(problem, layer), problem.dtype)


def test_eight_threads_get_the_bits_of_one():
    problem = Problem(n=64, in_features=24, cutoffs=(20, 60, 200))
    layer, x, y = problem.layer(), problem.input(), problem.target()

    def work(k):
        part = slice(8 * k, 8 * k + 8)
        (output, loss), cache = layer.forward(x[part], y[part])
        found = witnesses.leaves(layer.backward(cache, problem.upstream()[0][part]))
        loss, grads = layer.loss_and_gradients(x[part], y[part])
        return [output, loss, *found.values(), *witnesses.leaves(grads).values(),
                layer.predict(x[part]), *layer.topk(x[part], 5)]

    wanted = list(map(work, range(8)))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            rounds = list(pool.map(work, list(range(8)) * 10))
    finally:
        sys.setswitchinterval(interval)
    for k, found in enumerate(rounds):
        assert all(np.array_equal(a, b) for a, b in zip(found, wanted[k % 8]))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64",
                                   "complex128"])
def test_results_have_the_number_type_that_came_in(dtype):
    for problem in ALWAYS:
        layer = problem.layer(dtype=dtype)
        x, y = problem.input().astype(dtype), problem.target()
        (output, loss), cache = layer.forward(x, y)
        found = [output, loss, layer.log_prob(x), layer.topk(x, 2).log_prob,
                 *witnesses.leaves(layer.backward(cache)).values()]
        loss, grads = layer.loss_and_gradients(x, y)
        found += [loss, *witnesses.leaves(grads).values()]
        assert {np.asarray(a).dtype for a in found} == {np.dtype(dtype)}


@on_problems(dtype="float32")
def test_half_precision_is_single_precision_rounded_once(problem):
    def half(a):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "overflow encountered in cast")
            return np.asarray(a, dtype=np.float32).astype(np.float16)

    single, x, y = problem.layer(), half(problem.input()), problem.target()
    layer = single.with_parameters(single.parameters.map(half))
    single = single.with_parameters(layer.parameters.map(lambda w: w.astype(np.float32)))
    result, cache = layer.forward(x, y)
    wide, wide_cache = single.forward(x.astype(np.float32), y)
    assert np.array_equal(result.output, half(wide.output))
    assert np.array_equal(result.loss, half(wide.loss), equal_nan=True)
    found = witnesses.leaves(layer.backward(cache))
    for name, leaf in witnesses.leaves(single.backward(wide_cache)).items():
        assert np.array_equal(found[name], half(leaf)), name


def test_a_row_that_is_not_a_number_harms_no_other():
    problem = Problem(n=6, used=(0, 1, 2))
    layer, x, y = problem.layer(), problem.input(), problem.target()
    clean, broken = layer(x, y), x.copy()
    broken[2, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        (output, loss), cache = layer.forward(broken, y)
        grads = layer.backward(cache)
    others = np.arange(6) != 2
    assert np.isnan(output[2]) and np.isnan(loss)
    assert np.array_equal(output[others], clean.output[others])
    assert np.isfinite(grads.input[others]).all() and np.isnan(grads.input[2]).all()
    harmed = {sum(y[2] >= c for c in layer.cutoffs[:-1]) - 1}
    for i, cluster in enumerate(grads.parameters.tail):
        assert np.isfinite(cluster.output.weight).all() == (i not in harmed)


@on_problems()
def test_more_axes_are_the_flattened_call(problem):
    layer, x, y = problem.layer(), problem.input(), problem.target()
    flat, grads = backward(problem, layer)
    shape = (1, problem.n, 1)
    grad_output, grad_loss = problem.upstream()
    loss_part = grad_loss.reshape(shape) if problem.reduction == "none" else grad_loss
    x3, y3 = x.reshape(*shape, problem.in_features), y.reshape(shape)
    deep, found = backward(problem, layer, x3, y3, (grad_output.reshape(shape), loss_part))
    assert deep.output.shape == shape and found.input.shape == x3.shape
    assert np.array_equal(deep.output.ravel(), flat.output)
    assert np.array_equal(np.ravel(deep.loss), np.ravel(flat.loss), equal_nan=True)
    assert np.array_equal(found.input.reshape(x.shape), grads.input)
    everything = layer.log_prob(x3).reshape(problem.n, layer.n_classes)
    assert np.array_equal(everything, layer.log_prob(x))
    assert np.array_equal(layer.predict(x3).ravel(), layer.predict(x))
