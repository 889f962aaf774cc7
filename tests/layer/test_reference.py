"""The definition, against what is known without it: sums by hand, SciPy, other number types."""
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss, reference
from npadasoft.cutoffs import Cutoffs, route
from rounding import Model, assert_within
from strategies import on_problems

CUTOFFS = (2, 3, 6)             # classes 0 1 | 2 | 3 4 5
WEIGHTS = {
    "head.weight": [[0.5, 0.0], [0.0, 0.25], [1.0, 0.0], [0.0, -1.0]],
    "tail.0.0.weight": [[1.0, 1.0]],
    "tail.0.1.weight": [[3.0]],
    "tail.1.0.weight": [[0.0, 2.0]],
    "tail.1.1.weight": [[0.0], [0.5], [-0.5]],
}
X = [2.0, -1.0]                 # head: 1, -1/4, 2, 1      cluster 1: hidden -2, scores 0, -1, 1


def test_the_worked_example_comes_out_as_by_hand():
    head = [1.0, -0.25, 2.0, 1.0]
    below = math.log(sum(map(math.exp, head)))
    tail = math.log(1 + math.exp(-1) + math.exp(1))
    wanted = [1 - below, -0.25 - below, 2 - below,
              1 - below - tail, 1 - below - 1 - tail, 1 - below + 1 - tail]
    found = reference.log_prob(X, WEIGHTS, CUTOFFS)
    assert found == pytest.approx(wanted, rel=16 * 2.0**-53)    # a dozen roundings, each u
    assert reference.head_logits(X, WEIGHTS) == head
    assert reference.tail_hidden(X, WEIGHTS, 1) == [-2.0]
    assert reference.tail_logits(X, WEIGHTS, 1) == [0.0, -1.0, 1.0]
    assert reference.predict(X, WEIGHTS, CUTOFFS) == 2


def test_output_is_one_entry_of_log_prob():
    everything = reference.log_prob(X, WEIGHTS, CUTOFFS)
    assert [reference.output(X, y, WEIGHTS, CUTOFFS) for y in range(6)] == everything


def test_the_loss_is_the_mean_of_the_negative_outputs():
    everything = reference.log_prob(X, WEIGHTS, CUTOFFS)
    assert reference.loss([X, X], [0, 5], WEIGHTS, CUTOFFS) == -(everything[0] + everything[5]) / 2
    assert reference.loss([X], [3], WEIGHTS, CUTOFFS) == -everything[3]


def test_equal_classes_are_predicted_as_the_lowest():
    zero = {k: [[0.0 for _ in row] for row in w] for k, w in WEIGHTS.items()}
    assert reference.predict(X, zero, CUTOFFS) == 0
    wanted = [-math.log(4)] * 3 + [-math.log(12)] * 3
    assert reference.log_prob(X, zero, CUTOFFS) == pytest.approx(wanted, rel=16 * 2.0**-53)


def test_a_bias_is_added_to_every_column_of_the_head():
    bias = [0.5, -1.0, 2.0, 0.25]
    assert reference.head_logits(X, {**WEIGHTS, "head.bias": bias}) == [1.5, -1.25, 4.0, 1.25]


def test_hidden_size_zero_makes_a_uniform_cluster():
    weights = {**WEIGHTS, "tail.1.0.weight": [], "tail.1.1.weight": [[], [], []]}
    found = reference.log_prob(X, weights, CUTOFFS)
    assert found[3] == found[4] == found[5]
    assert sum(map(math.exp, found)) == pytest.approx(1, abs=16 * 2.0**-53)


def test_a_class_equal_to_a_cutoff_belongs_to_the_next_tail():
    found = [reference.locate(k, CUTOFFS) for k in range(6)]
    assert found == [(None, 0, None), (None, 1, None), (0, 2, 0), (1, 3, 0), (1, 3, 1), (1, 3, 2)]


@on_problems(30, layout="C")
def test_routing_is_the_definition_for_every_class(problem):
    y = np.arange(problem.n_classes)
    cutoffs = Cutoffs(problem.cutoffs[:-1], problem.n_classes)
    routing = route(y, cutoffs)
    places = dict(zip(np.concatenate(routing.rows), np.concatenate(routing.relative_target)))
    found = [(int(routing.tail[k]), int(routing.head_column[k]), places.get(k)) for k in y]
    wanted = [reference.locate(k, problem.cutoffs) for k in y.tolist()]
    assert found == [(-1 if tail is None else tail, *rest) for tail, *rest in wanted]


@pytest.mark.parametrize("features, divisor, i, size", [
    (1024, 1.6, 0, 639),        # and not floor(1024 / 1.6) = 640
    (11, 1.1, 0, 9), (64, 4.0, 0, 16), (64, 4.0, 1, 4), (4, 4.0, 1, 0), (8, 0.5, 1, 32)])
@pytest.mark.filterwarnings("ignore:tail 1 has hidden size 0")
def test_hidden_sizes_are_floor_divisions_of_floats(features, divisor, i, size):
    assert reference.hidden_size(features, divisor, i) == size
    layer = AdaptiveLogSoftmaxWithLoss(features, 3, [1, 2], divisor)
    assert layer.hidden_sizes[i] == size


@on_problems(30, layout="C")
def test_the_layer_has_the_sizes_of_the_definition(problem):
    layer = problem.layer()
    assert list(layer.hidden_sizes) == [
        reference.hidden_size(problem.in_features, problem.div_value, i)
        for i in range(layer.n_clusters)]


@on_problems(20, layout="C", dtype="float64")
def test_the_layer_agrees_with_the_definition_in_floats(problem):
    """Both are within the bound, the definition computing in Python's floats, term after term."""
    layer, x = problem.layer(), problem.input()
    weights = {k: w.tolist() for k, w in layer.parameters.items()}
    due = Model.of(layer, x).log_prob()
    wanted = [reference.log_prob(row, weights, layer.cutoffs) for row in x.tolist()]
    wanted = np.array(wanted).reshape(problem.n, problem.n_classes)
    assert_within(wanted, due.value, due.error, "float64")
    assert_within(layer.log_prob(x), wanted, 2 * due.error, "float64")


def test_the_definition_takes_any_number_type():
    as_float = reference.log_prob(X, WEIGHTS, CUTOFFS)
    long = [np.longdouble(v) for v in X], {
        k: [[np.longdouble(v) for v in row] for row in w] for k, w in WEIGHTS.items()}
    as_long = reference.log_prob(*long, CUTOFFS, np.exp, np.log1p)
    assert all(isinstance(v, np.longdouble) for v in as_long)
    with localcontext() as context:
        context.prec = 50
        exact = reference.log_prob(witnesses.exact(X), {k: witnesses.exact(w) for k, w in
                                                        WEIGHTS.items()},
                                   CUTOFFS, Decimal.exp, witnesses.log1p)
        assert abs(sum(v.exp() for v in exact) - 1) < Decimal("1e-47")      # 50 digits, a few sums
    for f, n, e in zip(as_float, as_long, exact):
        assert abs(Decimal(f) - e) <= 16 * Decimal(2) ** -53 * (1 + abs(e))
        # a long double's head and remainder carry it into decimal
        d = Decimal(float(n)) + Decimal(float(n - np.longdouble(float(n))))
        assert abs(d - e) <= 16 * Decimal(float(np.finfo(np.longdouble).eps)) * (1 + abs(e))


@pytest.mark.parametrize("gap", [1, 37, 50, 700])
def test_a_confident_log_probability_is_not_zero(gap):
    found = reference.log_softmax([float(gap), 0.0])
    with localcontext() as context:
        context.prec = 60
        exact = -witnesses.log1p(Decimal(-gap).exp())
        error = abs(Decimal(found[0]) / exact - 1)
    assert error <= 8 * Decimal(2) ** -53               # one exp and one log1p, 4 u each


def test_log_softmax_agrees_with_scipy():
    special = witnesses.witness("scipy.special")
    z = np.random.default_rng(0).standard_normal(40) * 4
    found = np.array(reference.log_softmax(z.tolist()))
    # 39 additions in the sum, an exp and a log, and SciPy's own: absolute, in u
    assert abs(found - special.log_softmax(z)).max() <= (40 + 32 + abs(found).max()) * 2.0**-53
