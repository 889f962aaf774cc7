"""Which layers can be made, with which sizes and weights; and what is refused, row by row."""
import pickle
import random
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from contract import SORTED, refuses, shown

from npadasoft import AdaptiveLogSoftmaxWithLoss


class Index:
    """Nothing but an `__index__`."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@pytest.mark.parametrize("cutoffs", [
    [2, 5], (2, 5), range(2, 6, 3), np.array([2, 5]), np.array([2, 5], dtype="uint8"),
    np.array([2, 5], dtype=">i4"), (c for c in (2, 5)), {2: "a", 5: "b"},
    np.array([2, 5], dtype=object), [np.int64(2), np.uint8(5)], [Index(2), Index(5)],
    [np.array(2), 5]], ids=shown)
def test_cutoffs_are_read_once_and_stored_as_python_ints(cutoffs):
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, cutoffs, 2.0, rng=0)
    assert layer.cutoffs == (2, 5, 9) and type(layer.cutoffs) is tuple
    assert all(type(c) is int for c in layer.cutoffs)


def test_the_callers_cutoffs_are_not_changed_and_not_kept():
    cutoffs = [2, 5]
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, cutoffs, 2.0, rng=0)
    assert cutoffs == [2, 5]
    cutoffs[0] = 3
    assert layer.cutoffs == (2, 5, 9)


@pytest.mark.parametrize("empty", [[], (), np.array([], dtype=int), iter([])], ids=shown)
def test_empty_cutoffs_are_refused(empty):
    with refuses(ValueError, "cutoffs should be a sequence of length larger than 0"):
        AdaptiveLogSoftmaxWithLoss(4, 9, empty)


@pytest.mark.parametrize("cutoffs, hint", [
    ([5, 2], ""), ([2, 2], ""), ([0, 2], ""), ([-1, 2], ""), ([2, 10], ""), ([0], ""),
    ([2, 5, 5], ""),
    ([2, 9], ": n_classes itself is not a cutoff, leave it out"),
    ([9], ": n_classes itself is not a cutoff, leave it out")], ids=shown)
def test_cutoffs_that_do_not_cut_are_refused_with_what_was_found(cutoffs, hint):
    with refuses(ValueError, f"{SORTED}, but found {cutoffs} with n_classes 9{hint}"):
        AdaptiveLogSoftmaxWithLoss(4, 9, cutoffs)


def test_refused_numpy_cutoffs_are_shown_as_plain_integers():
    with refuses(ValueError, f"{SORTED}, but found [5, 2] with n_classes 9"):
        AdaptiveLogSoftmaxWithLoss(4, 9, np.array([5, 2]))


def test_a_last_cutoff_one_below_n_classes_makes_a_cluster_of_one_class_that_costs_nothing():
    layer = AdaptiveLogSoftmaxWithLoss(4, 6, [2, 5], 2.0, rng=0)
    log_p = layer.log_prob(np.ones((1, 4)))
    head = layer.parameters.head.weight.sum(1)
    assert layer.cutoffs == (2, 5, 6)
    rounding = 16 * np.finfo(float).eps                 # logits and log-probabilities are below 4
    assert abs((log_p[0, 5] - log_p[0, 0]) - (head[3] - head[0])) <= rounding


@pytest.mark.parametrize("cutoffs, value, kind", [
    ([True, 5], True, "bool"), ([np.True_, 5], np.True_, type(np.True_).__name__),
    (np.array([True]), np.True_, type(np.True_).__name__),
    ([2, 5.0], 5.0, "float"), ([5.5], 5.5, "float"), ([float("nan")], float("nan"), "float"),
    ([float("inf")], float("inf"), "float"), (["2"], "2", "str"), ([2, None], None, "NoneType"),
    (np.array([2.0, 5.0]), np.float64(2), "float64"), ([[2, 5]], [2, 5], "list"),
    (np.array([[2, 5]]), np.array([2, 5]), "ndarray"), ([np.array([2])], np.array([2]), "ndarray"),
    ([np.array(2.0)], np.array(2.0), "ndarray"), ([np.array(True)], np.array(True), "ndarray")],
    ids=shown)
def test_cutoffs_that_are_no_integers_are_refused_by_value_and_type(cutoffs, value, kind):
    with refuses(TypeError, f"cutoffs should hold integers, but found {value!r} of type {kind}"):
        AdaptiveLogSoftmaxWithLoss(4, 9, cutoffs)


@pytest.mark.parametrize("cutoffs, kind", [
    (5, "int"), (None, "NoneType"), (np.array(5), "ndarray"), ("25", "str"), (b"25", "bytes"),
    (5.0, "float")], ids=shown)
def test_cutoffs_that_are_no_sequence_are_refused_by_type(cutoffs, kind):
    with refuses(TypeError, f"cutoffs should be a sequence of integers, but found {kind}"):
        AdaptiveLogSoftmaxWithLoss(4, 9, cutoffs)


@pytest.mark.parametrize("n_classes", [1, 0, -3])
@pytest.mark.parametrize("cutoffs", [[1], [], None, [7, 3]], ids=shown)
def test_fewer_than_two_classes_are_refused_before_the_cutoffs_are_looked_at(n_classes, cutoffs):
    with refuses(ValueError, f"n_classes should be at least 2, but found {n_classes}"):
        AdaptiveLogSoftmaxWithLoss(4, n_classes, cutoffs)


@pytest.mark.parametrize("in_features", [0, -1])
def test_fewer_than_one_feature_is_refused(in_features):
    with refuses(ValueError, f"in_features should be at least 1, but found {in_features}"):
        AdaptiveLogSoftmaxWithLoss(in_features, 9, [2])


@pytest.mark.parametrize("value, kind", [
    (True, "bool"), (np.True_, type(np.True_).__name__), (4.0, "float"), ("4", "str"),
    (None, "NoneType"), (np.float64(4), "float64"), (np.array(4.0), "ndarray"),
    (np.array([4, 4]), "ndarray")], ids=shown)
@pytest.mark.parametrize("name", ["in_features", "n_classes"])
def test_sizes_that_are_no_integers_are_refused_by_value_and_type(name, value, kind):
    sizes = {"in_features": 4, "n_classes": 9, name: value}
    with refuses(TypeError, f"{name} should be an integer, but found {value!r} of type {kind}"):
        AdaptiveLogSoftmaxWithLoss(**sizes, cutoffs=[2])


@pytest.mark.parametrize("size", [np.int16(8), np.uint64(8), Index(8), np.array(8)], ids=shown)
def test_sizes_with_an_index_are_stored_as_python_ints(size):
    layer = AdaptiveLogSoftmaxWithLoss(size, size, [2], 2.0)
    assert (layer.in_features, layer.n_classes) == (8, 8)
    assert type(layer.in_features) is type(layer.n_classes) is int


@pytest.mark.parametrize("div_value", [
    2, 2.0, np.float32(2), np.float16(2), np.int8(2), np.uint64(2), np.longdouble(2), Fraction(2)],
    ids=shown)
def test_a_real_div_value_is_kept_as_a_float(div_value):
    layer = AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], div_value)
    assert layer.div_value == 2.0 and type(layer.div_value) is float
    assert [c.projection.weight.shape for c in layer.parameters.tail] == [(4, 8), (2, 8)]


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, np.float32(-0.0)], ids=shown)
def test_a_div_value_of_zero_is_refused(zero):
    with refuses(ValueError, "div_value should not be equal to 0"):
        AdaptiveLogSoftmaxWithLoss(4, 9, [2], zero)


def test_a_div_value_beyond_all_floats_is_refused():
    with refuses(ValueError, f"div_value should be a finite number, but found {10**400}"):
        AdaptiveLogSoftmaxWithLoss(4, 9, [2], 10**400)


@pytest.mark.parametrize("value, shown", [
    (-2, "-2.0"), (-0.5, "-0.5"), (float("-inf"), "-inf"), (float("nan"), "nan"),
    (np.float64("nan"), "nan")], ids=shown)
def test_a_div_value_that_is_not_positive_is_refused(value, shown):
    with refuses(ValueError, f"div_value should be a positive number, but found {shown}"):
        AdaptiveLogSoftmaxWithLoss(4, 9, [2], value)


def test_an_infinite_div_value_makes_every_hidden_size_zero():
    with pytest.warns(UserWarning) as caught:
        layer = AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], float("inf"))
    assert [c.projection.weight.shape for c in layer.parameters.tail] == [(0, 8), (0, 8)]
    assert len(caught) == 2


def test_a_div_value_below_one_makes_sizes_grow():
    layer = AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], 0.5)
    assert [c.projection.weight.shape for c in layer.parameters.tail] == [(16, 8), (32, 8)]


@pytest.mark.parametrize("in_features, div_value, cluster", [
    (4, 1e300, 1), (4, 1e-320, 0), (4, 1e-200, 1)])
def test_a_hidden_size_that_overflows_is_refused(in_features, div_value, cluster):
    message = (f"hidden size of tail {cluster} is not finite: "
               f"{in_features} // {div_value}**{cluster + 1}")
    with warnings.catch_warnings(), refuses(ValueError, message):
        warnings.simplefilter("ignore")                 # 1e300: tail 0 has hidden size 0
        AdaptiveLogSoftmaxWithLoss(in_features, 9, [2, 5][:cluster + 1], div_value)


@pytest.mark.parametrize("value, kind", [
    (True, "bool"), (np.True_, type(np.True_).__name__), ("2", "str"), (None, "NoneType"),
    (2j, "complex"), (np.complex64(2), "complex64"), (Decimal(2), "Decimal"), ([2.0], "list")],
    ids=shown)
def test_a_div_value_that_is_no_real_number_is_refused_by_value_and_type(value, kind):
    message = f"div_value should be a real number, but found {value!r} of type {kind}"
    with refuses(TypeError, message):
        AdaptiveLogSoftmaxWithLoss(4, 9, [2], value)


@pytest.mark.parametrize("in_features, div_value, size", [
    (1024, 1.6, 639), (11, 1.1, 9), (7, 2.0, 3)])
def test_hidden_sizes_are_floor_divisions_and_not_floors_of_quotients(in_features, div_value, size):
    layer = AdaptiveLogSoftmaxWithLoss(in_features, 3, [1], div_value)
    assert layer.parameters.tail[0].projection.weight.shape == (size, in_features)


def test_a_hidden_size_of_zero_warns_at_the_callers_line_and_makes_a_uniform_cluster():
    with pytest.warns(UserWarning) as caught:
        layer = AdaptiveLogSoftmaxWithLoss(16, 20, [2, 5, 8], 4.0, rng=0)
    assert [str(w.message) for w in caught] == [
        "tail 2 has hidden size 0: its 12 classes share its probability equally"]
    assert caught[0].category is UserWarning and caught[0].filename == __file__
    cluster = layer.parameters.tail[2]
    assert (cluster.projection.weight.shape, cluster.output.weight.shape) == ((0, 16), (12, 0))
    x = np.random.default_rng(0).normal(size=(3, 16))
    log_p, y = layer.log_prob(x)[:, 8:], np.array([9, 19, 3])
    assert (log_p == log_p[:, :1]).all()
    (output, _), cache = layer.forward(x, y)
    assert output[0] == log_p[0, 0]
    assert layer.backward(cache).parameters.tail[2].projection.weight.shape == (0, 16)


def test_a_head_bias_covers_the_cluster_columns_and_its_absence_leaves_no_key():
    with_bias = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, True, rng=0)
    without = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, rng=0)
    assert with_bias.parameters.head.bias.shape == (with_bias.head_size,) == (4,)
    assert with_bias.head_bias is True and without.head_bias is False
    assert without.parameters.head.bias is None and "head.bias" not in without.state_dict()


def test_the_attributes_are_those_of_torch():
    layer = AdaptiveLogSoftmaxWithLoss(8, 12, [3, 5, 9], 2, rng=0)
    assert (layer.in_features, layer.n_classes, layer.div_value) == (8, 12, 2.0)
    assert layer.cutoffs == (3, 5, 9, 12)
    assert (layer.shortlist_size, layer.n_clusters, layer.head_size) == (3, 3, 6)
    assert (layer.ignore_index, layer.reduction, layer.dtype) == (None, "mean", np.dtype("float64"))


def test_torch_has_the_same_attributes_and_shapes():
    torch = pytest.importorskip("torch")
    ours = AdaptiveLogSoftmaxWithLoss(8, 12, [3, 5, 9], 2, True, rng=0)
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 5, 9], 2, True)
    for name in ("in_features", "n_classes", "div_value", "head_bias", "shortlist_size",
                 "n_clusters", "head_size"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert list(ours.cutoffs) == theirs.cutoffs
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()]


def test_initial_values_are_uniform_draws_in_the_order_of_the_state_in_float64():
    layer = AdaptiveLogSoftmaxWithLoss(16, 90, [20, 50], 2.0, True, rng=7)
    rng, bounds = np.random.default_rng(7), {"head.bias": 1 / 16 ** 0.5}
    for path, leaf in layer.state_dict().items():
        bound = bounds.get(path, 1 / leaf.shape[-1] ** 0.5)
        assert (leaf == rng.uniform(-bound, bound, leaf.shape)).all(), path


def test_initial_values_follow_the_uniform_law():
    scipy_stats = pytest.importorskip("scipy.stats")
    layer = AdaptiveLogSoftmaxWithLoss(64, 900, [300, 600], 2.0, rng=3)
    for path, leaf in layer.state_dict().items():
        bound = 1 / leaf.shape[1] ** 0.5
        law = scipy_stats.uniform(-bound, 2 * bound)
        assert scipy_stats.kstest(leaf.ravel(), law.cdf).pvalue > 0.01, path


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", "complex64", "complex128"])
def test_initial_values_are_the_float64_ones_rounded_to_the_dtype_and_real(dtype):
    double = AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], 2.0, True, rng=5).state_dict()
    layer = AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], 2.0, True, dtype=dtype, rng=5)
    assert layer.dtype == np.dtype(dtype)
    for path, leaf in layer.state_dict().items():
        assert leaf.dtype == np.dtype(dtype)
        assert (leaf == double[path].astype(dtype)).all() and not leaf.imag.any()


def test_the_default_dtype_is_float64():
    assert AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0).parameters.head.weight.dtype == np.float64


def test_a_dtype_of_foreign_byte_order_makes_native_weights():
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0, dtype=">f4", rng=0)
    assert layer.dtype == np.float32 and layer.dtype.isnative
    assert all(leaf.dtype.isnative for leaf in layer.state_dict().values())


@pytest.mark.parametrize("dtype", ["int64", "bool", "object", "U3", "datetime64[s]", "uint8"])
def test_a_dtype_that_is_not_floating_is_refused(dtype):
    with refuses(TypeError, f"dtype should be a floating-point type, but found {np.dtype(dtype)}"):
        AdaptiveLogSoftmaxWithLoss(4, 9, [2], dtype=dtype)


@pytest.mark.parametrize("rng", [
    3, np.random.default_rng(3), np.random.SeedSequence(3), np.random.PCG64(3)],
    ids=lambda rng: type(rng).__name__)
def test_rng_is_whatever_default_rng_takes(rng):
    expected = AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0, rng=np.random.default_rng(3))
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0, rng=rng)
    assert (layer.parameters.head.weight == expected.parameters.head.weight).all()


def test_no_global_random_state_is_read_or_written():
    def states():
        return pickle.dumps((np.random.get_state(), random.getstate()))

    before = states()
    AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0)
    one = AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0, rng=0)
    one.sample(np.ones((3, 4)), 0)
    assert states() == before
    try:
        np.random.seed(1)
        two = AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0, rng=0)
    finally:
        np.random.set_state(pickle.loads(before)[0])
    assert (one.parameters.head.weight == two.parameters.head.weight).all()


@pytest.mark.parametrize("reduction", ["batchmean", "Mean", None, "", 0])
def test_another_reduction_is_refused(reduction):
    with refuses(ValueError, f"{reduction} is not a valid value for reduction"):
        AdaptiveLogSoftmaxWithLoss(4, 9, [2], reduction=reduction)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_reductions_are_mean_sum_and_none(reduction):
    assert AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0, reduction=reduction).reduction == reduction


@pytest.mark.parametrize("value", [None, 0, -100, 10 ** 30, np.int8(-1), Index(4)], ids=shown)
def test_ignore_index_may_be_none_or_any_integer(value):
    kept = AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0, ignore_index=value).ignore_index
    assert kept is None if value is None else type(kept) is int and kept == value.__index__()


@pytest.mark.parametrize("value, kind", [(True, "bool"), (-100.0, "float"), ("-100", "str")])
def test_an_ignore_index_that_is_no_integer_is_refused(value, kind):
    message = f"ignore_index should be an integer, but found {value!r} of type {kind}"
    with refuses(TypeError, message):
        AdaptiveLogSoftmaxWithLoss(4, 9, [2], ignore_index=value)


def test_what_torch_does_not_have_is_given_by_keyword_only():
    with pytest.raises(TypeError, match="positional argument"):
        AdaptiveLogSoftmaxWithLoss(4, 9, [2], 2.0, False, -100)


def test_repr_shows_what_makes_the_layer():
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2, dtype="float32")
    assert repr(layer) == ("AdaptiveLogSoftmaxWithLoss(4, 9, cutoffs=[2, 5], div_value=2.0, "
                           "head_bias=False, dtype=float32)")
