"""The blocked pass: the numbers of forward and backward at any size of block, in its memory."""
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from npadasoft import AdaptiveLogSoftmaxWithLoss, fused
from npadasoft.bench.timing import numpy_peak

U = {"float32": 2.0**-24, "float64": 2.0**-53}


def problem(seed, n, d, c, cutoffs, div_value=2.0, bias=True, dtype="float64", scale=1.0):
    """A layer with random weights, inputs and targets."""
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                 # hidden size 0
        layer = AdaptiveLogSoftmaxWithLoss(d, c, cutoffs, div_value, bias, dtype=dtype, rng=rng)
    x = (scale * rng.standard_normal((n, d))).astype(dtype)
    return layer, x, rng.integers(0, c, n)


def magnitudes(layer, x, y):
    """An upper bound on the sums that the gradients are: the same products of absolute values.

    |q| <= 1/n and |dz| <= |q| (1 + p), so that |dZ|ᵀ|X| and |dZ||W| bound what is added up.
    """
    q = 1 / max(len(y), 1)
    w = {path: np.abs(leaf) for path, leaf in layer.parameters.items()}
    rows = np.abs(x)
    bound = {"head.weight": 2 * q * rows.sum(0).max(), "head.bias": 2.0}
    dx = 2 * q * w["head.weight"].sum(0).max()
    for i in range(layer.n_clusters):
        p, u = w[f"tail.{i}.0.weight"], w[f"tail.{i}.1.weight"]
        hidden = rows @ p.T
        bound[f"tail.{i}.1.weight"] = 2 * q * hidden.sum(0).max(initial=0)
        dh = 2 * q * u.max(initial=0) * 2
        bound[f"tail.{i}.0.weight"] = dh * rows.sum(0).max()
        dx = max(dx, dh * p.sum(0).max(initial=0))
    return bound, dx


def assert_same(layer, x, y, memory):
    (_, loss), cache = layer.forward(x, y)
    expected = layer.backward(cache)
    found_loss, found = layer.loss_and_gradients(x, y, memory=memory)
    u = U[str(layer.dtype)]
    # two computations; each logit errs by (D + 2) u |X||W|, so p does by as much relatively, and
    # each sum over n rows or K classes by its length: to first order in u
    z = np.abs(x) @ np.abs(layer.parameters.head.weight).T
    length = layer.in_features + layer.n_classes + len(y) + 50
    slack = 4 * u * length * (1 + z.max(initial=0))
    assert abs(found_loss - loss) <= slack * (1 + abs(loss))
    bound, dx = magnitudes(layer, x, y)
    assert np.abs(found.input - expected.input).max(initial=0) <= slack * dx
    for (path, a), (_, b) in zip(found.parameters.items(), expected.parameters.items()):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert np.abs(a - b).max(initial=0) <= slack * max(bound[path], 1e-300), path


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([1, 2, 7, 16]),
       st.lists(st.integers(1, 60), min_size=2, max_size=5), st.sampled_from([1.0, 2.0, 4.0]),
       st.booleans(), st.sampled_from(["float32", "float64"]), st.integers(0, 3),
       st.sampled_from([0.0, 1.0, 30.0]))
@example(0, 1, 1, [1, 1], 4.0, True, "float64", 0, 1.0)
def test_blocks_of_any_size_give_the_numbers_of_forward_and_backward(
        seed, n, d, sizes, div_value, bias, dtype, small, scale):
    cuts = np.cumsum(sizes).tolist()
    layer, x, y = problem(seed, n, d, cuts[-1], cuts[:-1], div_value, bias, dtype, scale)
    widest = max(layer.head_size, *(b - a for a, b in zip(layer.cutoffs, layer.cutoffs[1:])))
    per_row = layer.dtype.itemsize * (widest + 5 * max(d, 1) * 16)
    assert_same(layer, x, y, (2**28, 64 * per_row, 8 * per_row, 3 * per_row)[small])


def test_one_row_and_one_class_at_a_time_is_the_same(monkeypatch):
    layer, x, y = problem(1, 7, 5, 30, [6, 17])
    monkeypatch.setattr(fused, "_cut", lambda part, *_: (1, 1, 1, 1))
    assert_same(layer, x, y, 2**28)
    monkeypatch.setattr(fused, "_cut", lambda part, *_: (3, part.weight.shape[0], 1, 999))
    assert_same(layer, x, y, 2**28)
    monkeypatch.setattr(fused, "_cut", lambda part, *_: (7, 4, 1, 28))
    assert_same(layer, x, y, 2**28)


@pytest.mark.parametrize("cut", [(7, 13, 100), (2, 4, 1), (1, 1, 1)])
@pytest.mark.parametrize("gap", [1.0, 20.0, 37.0, 300.0, 700.0])
@pytest.mark.parametrize("offset", [0.0, 30.0, -500.0])
def test_a_confident_example_keeps_its_digits_in_every_cut(monkeypatch, gap, offset, cut):
    rows, classes, room = cut
    monkeypatch.setattr(fused, "_cut",
                        lambda part, *_: (rows, min(classes, len(part.weight)), room, 99))
    layer = AdaptiveLogSoftmaxWithLoss(1, 13, [12], 1.0, head_bias=True, rng=0)
    zero = layer.parameters.map(lambda w: 0 * w)
    zero.head.bias[:] = offset - gap
    zero.head.bias[3] = offset
    layer = layer.with_parameters(zero)
    loss, gradients = layer.loss_and_gradients(np.zeros((1, 1)), np.array([3]))
    s = 12 * np.exp(-np.longdouble(gap))
    # offset - gap is exact here; exp of it carries a few units, and log1p and expm1 theirs
    tolerance = (16 + gap) * 2.0**-53
    assert abs(loss / np.log1p(s) - 1) <= tolerance
    assert abs(-gradients.parameters.head.bias[3] / (s / (1 + s)) - 1) <= tolerance


def test_masked_classes_do_not_disturb_the_tiles(monkeypatch):
    layer, x, y = problem(2, 5, 3, 20, [9, 14])
    tree = layer.parameters.map(np.copy)
    tree.head.bias[[0, 1, 2, 3]] = -np.inf              # the whole first tile, and not the targets
    layer, y = layer.with_parameters(tree), np.array([4, 5, 8, 10, 19])
    (_, loss), cache = layer.forward(x, y)
    expected = layer.backward(cache)
    monkeypatch.setattr(fused, "_cut", lambda part, *_: (2, min(2, len(part.weight)), 1, 4))
    found_loss, found = layer.loss_and_gradients(x, y)
    assert abs(found_loss - loss) <= 100 * 2.0**-53 * loss
    for (_, a), (_, b) in zip(found.parameters.items(), expected.parameters.items()):
        assert np.isfinite(a).all()
        assert np.abs(a - b).max(initial=0) <= 100 * 2.0**-53 * max(np.abs(b).max(initial=0), 1)


@pytest.mark.parametrize("n, c, memory", [
    (2_000, 3_000, 2**28), (4_000, 3_000, 2**28), (2_000, 3_000, 2**21), (4_000, 3_000, 2**21),
    (8_000, 3_000, 2**21), (500, 15_000, 2**19), (500, 30_000, 2**19), (500, 3_000, 2**17),
    (500, 30_000, 2**17), (1, 40_000, 2**20), (50, 40_000, 2**22)])
def test_a_step_stays_within_its_memory_whatever_the_batch_and_the_classes(n, c, memory):
    layer, x, y = problem(0, n, 32, c, [c // 10, c // 3], 4.0, dtype="float32")
    layer.loss_and_gradients(x, y, memory=memory)       # imports and caches are no part of it
    extra, _ = numpy_peak(lambda: layer.loss_and_gradients(x, y, memory=memory))
    python = 40_000                                     # frames, tuples, array headers
    assert extra <= memory + 64 * n + python


@pytest.mark.parametrize("memory", [1, 100])
def test_too_little_memory_is_refused_with_what_is_needed(memory):
    layer, x, y = problem(0, 9, 16, 50, [10, 20])
    with pytest.raises(ValueError, match=f"at least .* bytes for one row and .*{memory}$"):
        layer.loss_and_gradients(x, y, memory=memory)
    with pytest.raises(TypeError, match="memory should be an integer"):
        layer.loss_and_gradients(x, y, memory=1e6)


def test_the_memory_that_a_refusal_asks_for_is_enough():
    layer, x, y = problem(0, 9, 16, 50, [10, 20])
    with pytest.raises(ValueError) as refused:
        layer.loss_and_gradients(x, y, memory=1)
    assert_same(layer, x, y, int(str(refused.value).split()[5]))


def test_no_part_asks_for_more_memory_than_the_first_refusal_named():
    layer, x, y = problem(0, 9, 16, 50, [10, 20], div_value=1.0)        # a cluster needs the most
    with pytest.raises(ValueError) as refused:
        layer.loss_and_gradients(x, y, memory=1)
    least = int(str(refused.value).split()[5])
    assert_same(layer, x, y, least)
    with pytest.raises(ValueError, match=f"at least {least} bytes"):
        layer.loss_and_gradients(x, y, memory=least - 8)


def test_a_narrow_cluster_of_wide_inputs_stays_within_its_memory():
    layer, x, _ = problem(0, 4_000, 512, 22, [2], 32.0, dtype="float32")
    y = np.full(4_000, 7)
    for memory in (17_600_000, 2**20):
        layer.loss_and_gradients(x, y, memory=memory)
        extra, _ = numpy_peak(lambda: layer.loss_and_gradients(x, y, memory=memory))
        assert extra <= memory + 64 * 4_000 + 40_000


@pytest.mark.parametrize("n", [3, 7])
def test_long_double_gradients_have_its_digits(n):
    layer, x, y = problem(0, n, 4, 30, [6, 17], dtype="longdouble")
    expected = layer.backward(layer.forward(x, y)[1])
    _, found = layer.loss_and_gradients(x, y)
    bound = 200 * np.finfo(np.longdouble).eps           # sums of at most 30 terms, a few units each
    for (_, a), (_, b) in zip(found.parameters.items(), expected.parameters.items()):
        assert np.abs(a - b).max() <= bound * np.abs(b).max()


def test_a_bias_gradient_keeps_its_digits_over_many_rows():
    layer, x, y = problem(0, 100_000, 1, 12, [8], dtype="float32")
    expected = layer.backward(layer.forward(x, y)[1]).parameters.head.bias
    found = layer.loss_and_gradients(x, y)[1].parameters.head.bias
    # sums of positive p and of picked entries, each 1 / n: 512 rows at a time and 200 of those
    assert np.abs(found - expected).max() <= (512 + 200) * U["float32"]


@pytest.mark.parametrize("cut", [(1, 9, 100), (1, 2, 1)])
def test_a_row_with_one_infinite_logit_is_nan_in_every_cut(monkeypatch, cut):
    rows, classes, room = cut
    layer = AdaptiveLogSoftmaxWithLoss(1, 3, [2], 1.0, rng=0)
    tree = layer.parameters.map(np.copy)
    tree.head.weight[:] = [[1], [-1], [-1]]
    layer = layer.with_parameters(tree)
    x, y = np.array([[np.inf]]), np.array([1])
    monkeypatch.setattr(fused, "_cut",
                        lambda part, *_: (rows, min(classes, len(part.weight)), room, 99))
    with np.errstate(invalid="ignore"):
        assert np.isnan(layer(x, y).loss) and np.isnan(layer.log_prob(x)[0, :2]).all()
        assert np.isnan(layer.loss_and_gradients(x, y)[0])
        assert layer.predict(x)[0] == layer.topk(x, 1).index[0, 0] == 0


def test_few_rows_of_wide_inputs_stay_within_their_memory():
    layer, x, y = problem(0, 200, 3_000, 300, [100], 32.0, dtype="float32")
    layer.loss_and_gradients(x, y, memory=2**21)
    extra, _ = numpy_peak(lambda: layer.loss_and_gradients(x, y, memory=2**21))
    assert extra <= 2**21 + 64 * 200 + 40_000


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("d, k", [(3, 40), (16, 7), (200, 90)])
def test_at_the_least_memory_every_block_has_room_for_its_logits(d, k, bias):
    weight = np.zeros((k, d))
    part = fused.SubSoftmax(slice(None), np.zeros(5, int), None, weight,
                            np.zeros(k) if bias else None)
    with pytest.raises(ValueError, match="at least") as caught:
        fused._check_memory([part], d, 8, 8)
    least = int(str(caught.value).split("at least ")[1].split()[0])
    for budget in range(least // 8, 6 * (k + 4 * d)):
        r, c, _, free = fused._cut(part, d, budget)
        assert 1 <= r * c <= free
