"""log_prob, predict, topk, sample: shapes, ties, nan, and draws, row by row of the contract."""
import numpy as np
import pytest
from contract import eighths, exact, refuses, same, small

from npadasoft import AdaptiveLogSoftmaxWithLoss

X = eighths(3, (6, 6))


def with_logits(head, *tails, dtype="float64"):
    """A layer of one feature that gives the input 1 the logits `head` and `tails`."""
    cutoffs = np.cumsum([len(head) - len(tails), *map(len, tails)])
    layer = AdaptiveLogSoftmaxWithLoss(1, int(cutoffs[-1]), cutoffs[:-1].tolist(), 1.0, dtype=dtype,
                                       rng=0)
    tree = {"head.weight": np.array(head, dtype=dtype)[:, None]}
    for i, tail in enumerate(tails):
        tree[f"tail.{i}.0.weight"] = np.ones((1, 1), dtype=dtype)
        tree[f"tail.{i}.1.weight"] = np.array(tail, dtype=dtype)[:, None]
    return layer.with_parameters(type(layer.parameters).from_items(tree))


ONE = np.ones((1, 1))


@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (3, 1, 2)], ids=str)
def test_every_leading_shape_is_that_of_the_flattened_call(shape):
    layer = small()
    x = X[0] if shape == () else X.reshape(*shape, 6)
    flat = x.reshape(-1, 6)
    assert same(layer.log_prob(x), layer.log_prob(flat).reshape(*shape, 9))
    assert same(layer.predict(x), layer.predict(flat).reshape(shape))
    assert same(tuple(layer.topk(x, 4)), tuple(a.reshape(*shape, 4) for a in layer.topk(flat, 4)))
    assert same(layer.sample(x, 1), layer.sample(flat, 1).reshape(shape))
    assert layer.predict(x).dtype == layer.sample(x, 1).dtype == np.int64
    assert layer.topk(x, 4).index.dtype == np.int64
    assert layer.topk(x, 4)._fields == ("log_prob", "index")


def test_probabilities_sum_to_one():
    total = np.exp(small().log_prob(X)).sum(-1)
    assert np.abs(total - 1).max() <= 32 * np.finfo(float).eps          # |log p| < 16, 9 terms


# ------------------------------------------------------------------------ predict

@pytest.mark.parametrize("head, tails, best", [
    ([0.0, 1.0, 0.5], [[0.0, 0.0]], 1),                 # the argmax of the head is a class
    ([0.0, 0.0, 0.5], [[0.0, 0.0]], 0),                 # the cluster's column wins, no class of it
    ([-1.0, 0.0, 0.5], [[0.0, 0.0]], 1),
    ([0.0, 0.0, 0.75], [[5.0, 0.0]], 2),                # it wins, and so does one of its classes
    ([0.0, 0.0, 0.75], [[0.0, 5.0]], 3),
    ([0.0, 0.5, 0.75], [[0.0] * 5, [9.0, 0.0]], 6),     # the first-ranked cluster holds no best
    ([0.0, 0.75, 0.5], [[0.0] * 5, [9.0, 0.0]], 6),
    ([0.0, 0.75, 0.5], [[0.0] * 5, [0.0] * 5], 0)], ids=str)
def test_predict_is_exact_and_never_greedy(head, tails, best):
    layer = with_logits(head, *tails)
    assert layer.predict(ONE)[0] == layer.log_prob(ONE)[0].argmax() == best
    assert layer.topk(ONE, 1).index[0, 0] == best


@pytest.mark.parametrize("head, tails, best", [
    ([1.0, 1.0, 1.0], [[0.0, 0.0]], 0),                 # in the head: classes, then columns
    ([0.0, 1.0, 1.0], [[0.0, 0.0]], 1),
    ([0.0, 1.0, 1.0], [[0.0]], 1),                      # a class, and a cluster of one class
    ([0.0, 0.5, 0.5], [[0.0], [0.0]], 1),               # two clusters of one class
    ([0.0, 0.5, 0.5], [[0.0, 0.0], [0.0]], 3),
    ([0.0, 5.0, 5.0], [[0.0, 0.0], [0.0, 0.0]], 1),     # everywhere alike
    ([-9.0, 0.0, np.log(2)], [[0.0], [0.0, 0.0]], 1),   # log(2) less both ways: the second-ranked
    ([0.0, 5.0], [[1.0, 1.0, 1.0]], 1)], ids=str)
def test_of_equal_classes_the_lowest_is_predicted(head, tails, best):
    layer = with_logits(head, *tails)
    assert layer.predict(ONE)[0] == best
    assert layer.topk(ONE, 1).index[0, 0] == best


def test_a_tie_by_rounding_is_decided_by_the_logits():
    layer = with_logits([1e-3, np.nextafter(1e-3, 1), -5.0], [0.0])
    log_p = layer.log_prob(ONE)[0]
    assert log_p[0] == log_p[1] and log_p.argmax() == 0
    assert layer.predict(ONE)[0] == 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
def test_a_nan_row_is_predicted_0_and_the_others_stay(bad):
    layer, x = small(), X.copy()
    x[2, 0] = bad
    if bad == np.inf:
        x[2, 1] = -bad                                  # inf - inf: every logit is nan
    assert np.isnan(layer.log_prob(x)[2]).all()
    expected = layer.predict(X)
    expected[2] = 0
    assert same(layer.predict(x), expected)


def test_predict_is_the_argmax_of_the_distribution_on_random_layers():
    """Of the rows, a fifth leave the short-list; in a twentieth a column wins, and no class of it.

    Counted at the end.  Two classes within 64 u of each other may come in any order.
    """
    rows = left = returned = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        layer = AdaptiveLogSoftmaxWithLoss(8, 60, [6, 20, 40], 2.0, True, rng=rng)
        layer = layer.with_parameters(layer.parameters.map(lambda w: w * 4))
        x = rng.normal(size=(50, 8))
        log_p, found = layer.log_prob(x), layer.predict(x)
        best = log_p.max(-1)
        assert (best - log_p[np.arange(50), found] <= 64 * np.finfo(float).eps).all()
        z = x @ layer.parameters.head.weight.T + layer.parameters.head.bias
        rows += 50
        left += (found >= 6).sum()
        returned += ((z.argmax(-1) >= 6) & (found < 6)).sum()
    assert left >= 0.2 * rows and returned >= 0.05 * rows


# ------------------------------------------------------------------------ topk

@pytest.mark.parametrize("k", range(10))
@pytest.mark.parametrize("top", [1, 8])
def test_topk_is_the_sorted_distribution_and_ties_go_by_index(k, top):
    """Weights of few values: equal logits, and so equal log-probabilities, are frequent."""
    layer = exact(AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, True, rng=0), top=top)
    x = eighths(7, (50, 6), top=top)
    log_p, (values, index) = layer.log_prob(x), layer.topk(x, k)
    order = np.argsort(-log_p, kind="stable", axis=-1)[:, :k]
    assert values.shape == index.shape == (50, k)
    assert same(index, order)
    assert same(values, np.take_along_axis(log_p, order, -1))


def test_topk_finds_classes_of_probability_zero_too():
    layer = with_logits([0.0, -np.inf, -np.inf, 0.0], [0.0, 0.0], [0.0, 0.0])
    assert layer.topk(ONE, 6).index.tolist() == [[0, 4, 5, 1, 2, 3]]
    assert same(layer.topk(ONE, 6).log_prob[0, 3:], np.full(3, -np.inf))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("k", [1, 2, 3, 6, 9])
def test_topk_of_a_nan_row_is_nan_and_the_lowest_classes_and_the_others_stay(k):
    layer, x = small(), X.copy()
    x[2] = np.nan
    values, index = layer.topk(x, k)
    expected, order = layer.topk(X, k)
    expected[2], order[2] = np.nan, np.arange(k)
    assert same(index, order) and same(values, expected)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_cluster_of_nan_behind_a_finite_head_is_the_largest_where_it_is_opened():
    layer = with_logits([0.0, 0.0, 5.0, 2.0], [np.nan, 0.0], [0.0, 0.0])
    log_p = layer.log_prob(ONE)[0]
    assert np.isnan(log_p).tolist() == [False, False, True, True, False, False]
    assert layer.predict(ONE)[0] == log_p.argmax() == 2
    assert layer.topk(ONE, 3).index.tolist() == [[2, 3, 4]]


@pytest.mark.parametrize("k", [-1, 10, 10 ** 20])
def test_a_k_out_of_range_is_refused(k):
    with refuses(ValueError, f"selected index k out of range: k is {k}, n_classes 9"):
        small().topk(X, k)


@pytest.mark.parametrize("k, kind", [(True, "bool"), (2.0, "float"), ("2", "str"),
                                     (None, "NoneType"), (np.float64(2), "float64")], ids=repr)
def test_a_k_that_is_no_integer_is_refused(k, kind):
    with refuses(TypeError, f"k should be an integer, but found {k!r} of type {kind}"):
        small().topk(X, k)


def test_k_may_be_a_numpy_integer():
    layer = small()
    assert same(tuple(layer.topk(X, np.uint8(3))), tuple(layer.topk(X, 3)))


# ------------------------------------------------------------------------ sample

def inverse(layer, x, u):
    """The draws that the contract describes, from log_prob alone: column by u[0], class by u[1]."""
    drawn = []
    for p, (first, second) in zip(np.exp(layer.log_prob(x).astype(float)), u):
        parts = [p[layer.cutoffs[i]:layer.cutoffs[i + 1]] for i in range(layer.n_clusters)]
        head = np.cumsum([*p[:layer.shortlist_size], *map(np.sum, parts)])
        column = int((head > first * head[-1]).argmax())
        if column >= layer.shortlist_size:
            i = column - layer.shortlist_size
            tail = np.cumsum(parts[i])
            column = layer.cutoffs[i] + int((tail > second * tail[-1]).argmax())
        drawn.append(column)
    return np.array(drawn)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(3))
def test_sample_draws_a_column_and_then_a_class_with_two_numbers_a_row(dtype, seed):
    layer, x = small(dtype), eighths(seed, (400, 6), dtype)
    u = np.random.default_rng(seed).random((400, 2))
    expected = inverse(layer, x, u)
    assert same(layer.sample(x, seed), expected)
    assert same(layer.sample(x, np.random.default_rng(seed)), expected)
    assert same(layer.sample(x.reshape(20, 20, 6), seed), expected.reshape(20, 20))
    assert len(set(expected.tolist())) == 9             # every class was drawn


def test_a_generator_goes_on_and_is_used_for_nothing_else():
    rng, twin = np.random.default_rng(5), np.random.default_rng(5)
    layer = small()
    first, second = layer.sample(X, rng), layer.sample(X, rng)
    u = twin.random((12, 2))
    assert same(first, inverse(layer, X, u[:6])) and same(second, inverse(layer, X, u[6:]))
    assert rng.random() == twin.random()


class Fixed(np.random.Generator):
    """A generator whose numbers are known."""

    def __init__(self, u):
        super().__init__(np.random.PCG64(0))
        self.u = np.array(u)

    def random(self, size):
        return self.u.reshape(size)


def test_the_class_drawn_is_the_first_whose_running_sum_exceeds():
    """Two columns of 1/2, and a cluster of two halves: u = 1/2 belongs to the second, 0 to none."""
    layer = with_logits([0.0, 0.0], [0.0, 0.0])
    assert (np.exp(layer.log_prob(ONE)) == [[0.5, 0.25, 0.25]]).all()
    below = np.nextafter(0.5, 0)
    for u, drawn in (((0, 0), 0), ((below, 0.9), 0), ((0.5, 0), 1), ((0.5, below), 1),
                     ((0.5, 0.5), 2), ((np.nextafter(1, 0),) * 2, 2)):
        assert layer.sample(ONE, Fixed(u)).tolist() == [drawn]
    layer = with_logits([-np.inf, 0.0, 0.0], [-np.inf, 0.0])
    assert layer.sample(ONE, Fixed([0.0, 0.0])).tolist() == [1]
    assert layer.sample(ONE, Fixed([0.5, 0.0])).tolist() == [3]


def test_the_running_sum_of_a_float32_layer_is_one_of_float64():
    """1000 classes, each asked for 1e-10 above its edge; float32 sums would be 1e-7 off."""
    layer = with_logits(eighths(2, 1001), [0.0], dtype="float32")
    p = np.exp(layer.log_prob(ONE.astype("float32"))[0])
    edges = np.cumsum(p, dtype="float64")
    u = np.column_stack([edges[:-1] / edges[-1] + 1e-10, np.zeros(1000)])
    drawn = layer.sample(np.ones((1000, 1), "float32"), Fixed(u))
    assert drawn.tolist() == [*range(1, 1001)]


def test_sample_must_be_given_its_rng():
    with pytest.raises(TypeError, match="rng"):
        small().sample(X)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_samples_pass_a_chi_square_test_against_log_prob(dtype):
    """1e5 draws of one example, seed fixed; the same test refuses the neighbours' distribution."""
    stats = pytest.importorskip("scipy.stats")
    layer, x = small(dtype), eighths(11, (6,), dtype)
    drawn = layer.sample(np.broadcast_to(x, (100_000, 6)), 0)
    expected = np.exp(layer.log_prob(x).astype(float))
    expected *= 100_000 / expected.sum()
    counts = np.bincount(drawn, minlength=9)
    assert counts.sum() == 100_000 and expected.min() > 5
    assert stats.chisquare(counts, expected).pvalue > 0.01
    assert stats.chisquare(counts, np.roll(expected, 1)).pvalue < 1e-9


def test_a_class_of_probability_zero_is_never_drawn():
    layer = with_logits([-np.inf, 0.0, 0.0, -np.inf], [-800.0, 0.0], [0.0, 0.0])
    drawn = layer.sample(np.ones((2000, 1)), 0)
    assert set(drawn.tolist()) == {1, 3}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("rows, first", [([4], 4), ([1, 4], 1), ([0], 0)], ids=str)
def test_sample_refuses_a_row_that_is_not_finite(bad, rows, first):
    layer, x = small(), X.copy()
    x[rows, 2] = bad
    message = ("probability tensor contains either `inf`, `nan` or element < 0, "
               f"first in row {first}")
    with refuses(ValueError, message):
        layer.sample(x, 0)
    with refuses(ValueError, message):
        layer.sample(x.reshape(2, 3, 6), 0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("nan_rows", [[], [30]], ids=str)
def test_sample_refuses_a_row_that_is_nan_only_in_the_cluster_drawn(seed, nan_rows):
    layer = with_logits([3.0, 2.0, 2.0], [np.nan, 0.0], [0.0, np.nan])
    u, x = np.random.default_rng(seed).random((50, 2))[:, 0], np.ones((50, 1))
    x[nan_rows] = np.nan
    first = int((u > np.exp(layer.log_prob(ONE)[0, 0])).argmax())       # the first in a cluster
    assert first < 30
    with refuses(ValueError, "probability tensor contains either `inf`, `nan` or element < 0, "
                             f"first in row {first}"):
        layer.sample(x, seed)
