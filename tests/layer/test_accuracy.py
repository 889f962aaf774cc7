"""Confident examples keep every digit: loss and gradients, *relative* to themselves.

u is the unit roundoff, gap the lead of the largest logit of a softmax.  Where the logits are exact
(one input feature that is 1, scores that are multiples of 1/16) nothing errs but the log-softmax:
16 u for the loss and for the gradient at the target, whatever the gap.  Elsewhere the logits' own
rounding is added, [Higham 2002, section 3.1] |ΔZ| <= γ (|X| |W|ᵀ + |b|) with γ = n u / (1 - n u):
twice, for a log-probability moves by at most twice as much as the logits; and (gap) u, for exp
amplifies the rounding of its argument by it.  Exact values are computed in decimal.
"""
import functools
from decimal import Decimal, localcontext

import numpy as np
import pytest

import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss, functional, reference
from rounding import UNIT

GAPS = {"float64": [1, 5, 10, 17.5, 30, 37, 50, 100, 300, 500, 700],
        "float32": [1, 5, 10, 17, 30, 50, 80]}
CASES = [(dtype, gap) for dtype, gaps in GAPS.items() for gap in gaps]
SIZES = [2, 3, 10, 100, 500]


# ------------------------------------------------------------------------ the exact values

class Softmax:
    """log p, p and 1 - p of the entry `index`, from scores in decimal; 1 - p as the others' sum."""

    def __init__(self, z, index):
        self.index = index
        with localcontext() as context:
            context.prec = 60 + int((max(z) - min(z)) / 2)
            exp = functools.lru_cache(maxsize=None)(Decimal.exp)        # scores repeat
            self.log_p = reference.log_softmax(z, exp, witnesses.log1p)
            p = [exp(v) for v in self.log_p]
            lacks = sum(v for k, v in enumerate(p) if k != index)
            self.dz = [-lacks if k == index else v for k, v in enumerate(p)]    # of -log p[index]

    def bounds(self, gap, u, slack):
        """Relative error due to each entry of dz."""
        return [(16 + gap) * u + slack if k == self.index else
                (16 + max(gap, float(-v))) * u + slack for k, v in enumerate(self.log_p)]


def relative(found, exact):
    """|found - exact| / |exact|, 0 where both are 0."""
    with localcontext() as context:
        context.prec = 60
        difference = abs(Decimal(float(found)) - exact)
        return float(difference / abs(exact)) if difference else 0.0


def in_units(found, exact, bounds):
    """The largest relative error, in units of what its bound allows."""
    return max(relative(f, e) / b for f, e, b in zip(found, exact, bounds, strict=True))


# ------------------------------------------------------------------------ exact logits

def scores(size, gap, dtype, at, seed=0):
    """Multiples of 1/16 whose largest, at place `at`, leads by `gap`; the others within 4."""
    rng = np.random.default_rng([seed, size])
    z = -gap - rng.integers(0, 65, size) / 16
    z[rng.integers(size)] = -gap
    z[at] = 0
    if z.max(initial=-np.inf, where=np.arange(size) != at) != -gap:
        z[at - 1] = -gap
    return (z + 2).astype(dtype)


def layer_of(head, tail, dtype):
    """One feature; the input 1 has exactly these scores.  The head's last column is the cluster."""
    layer = AdaptiveLogSoftmaxWithLoss(1, len(head) - 1 + len(tail), [len(head) - 1], 1.0, True,
                                       dtype=dtype)
    weights = {"head.weight": head[:, None], "head.bias": 0 * head,
               "tail.0.0.weight": np.ones((1, 1), dtype), "tail.0.1.weight": tail[:, None]}
    return layer.with_parameters(type(layer.parameters).from_items(weights))


def three_ways(layer, x, y):
    """Loss and gradients by backward, by the blocked pass and by log_prob_backward."""
    (output, loss), cache = layer.forward(x, y)
    assert output[0] == -loss
    yield loss, layer.backward(cache)
    yield layer.loss_and_gradients(x, y)
    one_hot = -(np.arange(layer.n_classes) == y[:, None]).astype(x.dtype)
    yield -layer.log_prob(x)[0, y[0]], layer.log_prob_backward(x, one_hot)


@pytest.mark.parametrize("dtype, gap", CASES)
def test_exact_logits_give_loss_and_logit_gradients_to_a_few_units(dtype, gap):
    """Loss and gradient at the target to 16 u, the other gradients to (16 + |log p|) u."""
    worst = {"loss": 0.0, "at the target": 0.0, "elsewhere, of the bound": 0.0}
    for size in SIZES:
        if size > 2:
            check_shortlist(size, gap, dtype, worst)
        check_cluster(size, gap, dtype, worst)
    print(dtype, gap, "in u:", {k: round(v, 2) for k, v in worst.items()})
    assert worst["loss"] <= 16 and worst["at the target"] <= 16
    assert worst["elsewhere, of the bound"] <= 1


def check_shortlist(size, gap, dtype, worst):
    """The head is confident of a class of the short-list."""
    head, tail = scores(size, gap, dtype, at=size // 2), scores(7, 1, dtype, at=3)
    layer, place, x = layer_of(head, tail, dtype), size // 2, np.ones((1, 1), dtype)
    exact = Softmax(witnesses.exact(head), place)
    for loss, grads in three_ways(layer, x, np.array([place])):
        found = grads.parameters.head.bias
        record(worst, UNIT[dtype], loss, -exact.log_p[place], (found, exact))
        assert np.array_equal(grads.parameters.head.weight[:, 0], found)


def check_cluster(size, gap, dtype, worst):
    """Both softmaxes are confident: the head of its cluster, the cluster of one class."""
    x, place = np.ones((1, 1), dtype), size // 2
    head, tail = scores(size, gap, dtype, at=size - 1), scores(size, gap, dtype, place, seed=1)
    layer, target = layer_of(head, tail, dtype), size - 1 + place
    above = Softmax(witnesses.exact(head), size - 1)
    below = Softmax(witnesses.exact(tail), place)
    for loss, grads in three_ways(layer, x, np.array([target])):
        record(worst, UNIT[dtype], loss, -(above.log_p[-1] + below.log_p[place]),
               (grads.parameters.head.bias, above),
               (grads.parameters.tail[0].output.weight[:, 0], below))


def record(worst, u, loss, exact_loss, *gradients):
    worst["loss"] = max(worst["loss"], relative(loss, exact_loss) / u)
    for found, exact in gradients:
        at_target = relative(found[exact.index], exact.dz[exact.index]) / u
        ratio = in_units(found, exact.dz, exact.bounds(0, u, 0))
        worst["at the target"] = max(worst["at the target"], at_target)
        worst["elsewhere, of the bound"] = max(worst["elsewhere, of the bound"], ratio)


# ------------------------------------------------------------------------ random weights

def confident(features, size, gap, dtype, seed):
    """A layer, a row and a target in its cluster; both softmaxes lead by about `gap`."""
    rng = np.random.default_rng([seed, size])
    layer = AdaptiveLogSoftmaxWithLoss(features, 2 * size - 1, [size - 1], 2.0, True, dtype=dtype,
                                       rng=rng)
    x = rng.standard_normal((1, features)).astype(dtype)
    weights = {k: w.astype(np.float64) for k, w in layer.parameters.items()}
    hidden = x @ weights["tail.0.0.weight"].T
    lead(weights["head.weight"], x[0], size - 1, gap, weights["head.bias"])
    lead(weights["tail.0.1.weight"], hidden[0], size // 2, gap)
    weights = {k: w.astype(dtype) for k, w in weights.items()}
    layer = layer.with_parameters(type(layer.parameters).from_items(weights))
    return layer, x, np.array([size - 1 + size // 2])


def lead(weight, x, at, gap, bias=0.0):
    """Move row `at` of `weight` so that its score leads by `gap`."""
    z = weight @ x + bias
    weight[at] += (np.delete(z, at).max() + gap - z[at]) * x / (x @ x)


def gamma(n, u):
    return n * u / (1 - n * u)


class Exact:
    """Every result for one row with its target in the only cluster, in decimal, with its bound."""

    def __init__(self, layer, x, y, u):
        w = {k: witnesses.exact(v) for k, v in layer.parameters.items()}
        a = {k: abs(np.asarray(v, np.float64)) for k, v in layer.parameters.items()}
        row, size, d = witnesses.exact(x[0]), layer.head_size, layer.in_features
        self.x, self.ax, self.w, self.a, self.u = row, abs(np.float64(x[0])), w, a, u
        with localcontext() as context:
            context.prec = 400
            head = reference.head_logits(row, w)
            self.hidden = reference.tail_hidden(row, w, 0)
            tail = reference.tail_logits(row, w, 0)
            self.above, self.below = Softmax(head, size - 1), Softmax(tail, y[0] - size + 1)
        self.gaps = [float(z[s.index] - max(v for k, v in enumerate(z) if k != s.index))
                     for z, s in ((head, self.above), (tail, self.below))]
        eta = gamma(d + 1, u) * (a["head.weight"] @ self.ax + a["head.bias"]).max()
        self.hidden_size = a["tail.0.0.weight"] @ self.ax
        eta_tail = (gamma(d, u) + gamma(len(self.hidden), u)) * (
            a["tail.0.1.weight"] @ self.hidden_size).max()
        self.bounds = [s.bounds(gap, u, 2 * e) for s, gap, e
                       in zip((self.above, self.below), self.gaps, (eta, eta_tail))]
        self.loss_bound = max((16 + gap) * u + 2 * e for gap, e in zip(self.gaps, (eta, eta_tail)))

    def results(self):
        """name: (exact values, absolute bounds), flat."""
        found = {"head.bias": (self.above.dz, sized(self.above.dz, self.bounds[0]))}
        hidden_error = gamma(len(self.x), self.u) * self.hidden_size
        with localcontext() as context:
            context.prec = 60
            found["head.weight"] = outer(self.above.dz, self.bounds[0], self.x, 0 * self.ax)
            found["tail.0.1.weight"] = outer(self.below.dz, self.bounds[1], self.hidden,
                                             hidden_error)
            ds, ds_bound = transposed(self.below.dz, sized(self.below.dz, self.bounds[1]),
                                      self.w["tail.0.1.weight"])
            found["tail.0.0.weight"] = ([s * v for s in ds for v in self.x],
                                        [b * abs(float(v)) for b in ds_bound for v in self.x])
            one = transposed(self.above.dz, sized(self.above.dz, self.bounds[0]),
                             self.w["head.weight"])
            two = transposed(ds, ds_bound, self.w["tail.0.0.weight"])
            found["input"] = ([v + w for v, w in zip(one[0], two[0])],
                              [v + w for v, w in zip(one[1], two[1])])
        return found


def sized(values, bounds):
    return [abs(float(v)) * b for v, b in zip(values, bounds)]


def outer(dz, bounds, x, x_error):
    """dzᵀ x, flat, with |Δ| <= bound |dz|ᵀ |x| + |dz|ᵀ Δx."""
    return ([d * v for d in dz for v in x],
            [abs(float(d)) * (b * abs(float(v)) + e) for d, b in zip(dz, bounds)
             for v, e in zip(x, x_error)])


def transposed(dz, bounds, weight):
    """dz · weight, with |Δ| <= Δdz |weight|."""
    columns = list(zip(*weight))
    return ([sum(d * w for d, w in zip(dz, column)) for column in columns],
            [sum(b * abs(float(w)) for b, w in zip(bounds, column)) for column in columns])


@pytest.mark.parametrize("features, size", [(4, 2), (16, 30), (64, 120)])
@pytest.mark.parametrize("dtype, gap", CASES)
def test_random_weights_cost_no_more_than_the_rounding_of_the_logits(
        dtype, gap, features, size):
    layer, x, y = confident(features, size, gap, dtype, seed=int(gap))
    exact = Exact(layer, x, y, UNIT[dtype])
    log_p = exact.above.log_p[-1] + exact.below.log_p[exact.below.index]
    worst = {}
    due = exact.results()
    for loss, grads in three_ways(layer, x, y):
        worst["loss"] = max(worst.get("loss", 0), relative(loss, -log_p) / exact.loss_bound)
        for path, found in witnesses.leaves(grads).items():
            values, bounds = due[path]
            with localcontext() as context:
                context.prec = 60
                ratios = [float(abs(Decimal(float(f)) - v)) / b for f, v, b
                          in zip(found.ravel(), values, bounds, strict=True)]
            worst[path] = max(worst.get(path, 0), *ratios)
    print("of the bound:", {k: float(round(v, 3)) for k, v in worst.items()})
    assert max(worst.values()) <= 1


# ------------------------------------------------------------------------ what others lose

LOST = [("float64", 37.0, 2), ("float64", 44.0, 500), ("float64", 700.0, 10),
        ("float32", 17.0, 2), ("float32", 24.0, 500), ("float32", 80.0, 10)]


@pytest.mark.parametrize("dtype, gap, size", LOST)
def test_pytorch_loses_all_of_a_confident_loss_and_gradient(dtype, gap, size):
    """The others hold less than u together: PyTorch's loss is 0, and its gradient at the target."""
    witnesses.witness("torch")
    head, tail = scores(size, gap, dtype, at=size - 1), np.zeros(1, dtype)
    layer = layer_of(head, tail, dtype)
    x, y = np.ones((1, 1), dtype), np.array([size - 1])
    exact = Softmax(witnesses.exact(head), size - 1)
    assert 0 < -exact.dz[-1] < UNIT[dtype]
    theirs = witnesses.torch_results(layer, x, y)
    assert relative(theirs["loss"], -exact.log_p[-1]) == 1
    assert relative(theirs["head.bias"][-1], exact.dz[-1]) == 1
    (_, loss), cache = layer.forward(x, y)
    assert relative(loss, -exact.log_p[-1]) <= 16 * UNIT[dtype]
    ours = layer.backward(cache).parameters.head.bias[-1]
    assert relative(ours, exact.dz[-1]) <= 16 * UNIT[dtype]


@pytest.mark.parametrize("dtype, gap, size", LOST)
def test_scipy_loses_all_of_a_confident_log_probability(dtype, gap, size):
    special = witnesses.witness("scipy.special")
    z = scores(size, gap, dtype, at=0)
    exact = Softmax(witnesses.exact(z), 0)
    assert relative(special.log_softmax(z)[0], exact.log_p[0]) == 1
    found = functional.log_softmax(z[None])[0, 0]
    assert relative(found, exact.log_p[0]) <= 16 * UNIT[dtype]


def test_pytorch_loses_digit_after_digit_before_it_loses_all():
    witnesses.witness("torch")
    lost = []
    for gap in (10.0, 20.0, 30.0):
        head = scores(3, gap, "float64", at=2)
        layer = layer_of(head, np.zeros(1), "float64")
        exact = -Softmax(witnesses.exact(head), 2).log_p[-1]
        theirs = witnesses.torch_results(layer, np.ones((1, 1)), np.array([2]))
        lost.append(relative(theirs["loss"], exact))
        assert relative(layer(np.ones((1, 1)), np.array([2])).loss, exact) <= 16 * UNIT["float64"]
    print("PyTorch's loss errs, relatively, by", *(f"{e:.1e}" for e in lost), "at gaps 10, 20, 30")
    assert lost[0] > 16 * UNIT["float64"] and lost[0] < lost[1] < lost[2] < 1
