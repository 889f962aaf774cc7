"""Every index rule: the cut of the classes, hidden sizes, and which row goes where."""
import numpy as np
import pytest
from contract import refuses
from hypothesis import example, given, settings
from hypothesis import strategies as st

from npadasoft import Cutoffs, reference
from npadasoft.cutoffs import divisor, group, hidden_sizes, integer, route


@st.composite
def batches(draw):
    """A cut, targets in any order and dtype, and an ignore_index that may be one of them."""
    n_classes = draw(st.integers(2, 100))
    cuts = draw(st.sets(st.integers(1, n_classes - 1), min_size=1, max_size=6))
    y = draw(st.lists(st.integers(0, n_classes - 1), max_size=20))
    dtype = draw(st.sampled_from(["int8", "uint8", "int32", "int64", "uint64"]))
    ignored = draw(st.none() | st.integers(-2, n_classes))
    return Cutoffs(sorted(cuts), n_classes), np.array(y, dtype=dtype), ignored


def test_a_cut_knows_its_sizes():
    cut = Cutoffs([2, 5, 6], 9)
    assert cut.values == (2, 5, 6, 9) and cut.n_classes == 9
    assert (cut.shortlist_size, cut.n_clusters, cut.head_size) == (2, 3, 5)
    assert [cut.cluster_size(i) for i in range(3)] == [3, 1, 3]
    assert [cut.classes(i) for i in range(3)] == [slice(2, 5), slice(5, 6), slice(6, 9)]
    assert [cut.column(i) for i in range(3)] == [2, 3, 4]
    assert repr(cut) == "Cutoffs([2, 5, 6], 9)"


def test_short_list_and_clusters_hold_each_class_once():
    cut = Cutoffs([2, 5, 6], 9)
    held = [*range(cut.shortlist_size), *(k for i in range(3) for k in range(9)[cut.classes(i)])]
    assert held == [*range(9)]


@pytest.mark.parametrize("value", [0, -3, np.int8(-3), np.uint64(2 ** 63), 10 ** 30, np.array(4)],
                         ids=repr)
def test_an_integer_becomes_a_python_int(value):
    assert type(integer("size", value)) is int and integer("size", value) == value


@pytest.mark.parametrize("value", [True, np.True_, 1.0, "1", None, np.float32(1), [1],
                                   np.array(1.0), np.array([1]), np.array(True)], ids=repr)
def test_what_is_no_integer_is_refused(value):
    message = f"size should be an integer, but found {value!r} of type {type(value).__name__}"
    with refuses(TypeError, message):
        integer("size", value)


def test_a_minimum_is_the_least_that_is_taken():
    assert integer("size", 3, minimum=3) == 3
    with refuses(ValueError, "size should be at least 3, but found 2"):
        integer("size", 2, minimum=3)


def test_a_divisor_is_a_positive_float():
    assert type(divisor(np.float16(0.5))) is float and divisor(np.float16(0.5)) == 0.5


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.integers(1, 4096), st.floats(0.5, 8), st.integers(1, 5))
@example(1024, 1.6, 1)
@example(11, 1.1, 1)
@pytest.mark.filterwarnings("ignore:tail . has hidden size 0")
def test_hidden_sizes_are_those_of_the_definition(in_features, div_value, n_clusters):
    cut = Cutoffs(range(1, n_clusters + 1), n_clusters + 1)
    expected = [reference.hidden_size(in_features, div_value, i) for i in range(n_clusters)]
    assert hidden_sizes(in_features, div_value, cut) == tuple(expected)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(batches())
@example((Cutoffs([1], 2), np.array([], dtype=int), 0))
@example((Cutoffs([1], 2), np.array([0, 0]), 0))
@example((Cutoffs([2, 5], 9), np.array([4, 5, 2, 1, 8, 5], dtype="uint64"), 5))
def test_each_row_that_counts_goes_to_the_cluster_of_its_target(batch):
    cut, y, ignored = batch
    routing = route(y, cut, ignored)
    kept = [n for n, k in enumerate(y.tolist()) if k != ignored]
    places = {n: reference.locate(int(y[n]), cut.values) for n in kept}
    assert routing.n_kept == len(kept) and type(routing.n_kept) is int
    assert np.arange(len(y))[routing.kept].tolist() == kept
    tails = [-1 if places[n][0] is None else places[n][0] for n in kept]
    assert routing.tail[kept].tolist() == tails
    assert routing.tail.tolist().count(-2) == len(y) - len(kept)
    assert routing.head_column.tolist() == [places[n][1] for n in kept]
    for i in range(cut.n_clusters):
        rows = [n for n in kept if places[n][0] == i]
        assert routing.rows[i].tolist() == rows
        assert routing.relative_target[i].tolist() == [places[n][2] for n in rows]


@settings(deadline=None, derandomize=True)
@given(batches())
def test_each_row_that_counts_is_in_exactly_one_place(batch):
    cut, y, ignored = batch
    routing = route(y, cut, ignored)
    shortlist = np.flatnonzero(routing.tail == -1)
    used = np.concatenate([shortlist, *routing.rows])
    assert sorted(used) == np.arange(len(y))[routing.kept].tolist()


def test_a_batch_without_ignored_rows_keeps_a_slice_and_copies_nothing():
    assert route(np.array([0, 8, 3]), Cutoffs([2, 5], 9)).kept == slice(None)
    assert route(np.array([0, 8, 3]), Cutoffs([2, 5], 9), -1).kept == slice(None)


@pytest.mark.parametrize("y, ignored, low, high", [
    ([9], None, 9, 9), ([-1, 9], None, -1, 9), ([-1, 3], None, -1, 3), ([9, 4], 4, 9, 9),
    ([-5, -7, 4, 2], -7, -5, 4)])
def test_a_target_that_is_no_class_is_refused_with_the_range_of_those_kept(y, ignored, low, high):
    with refuses(ValueError, "Target values should be in [0, 8], "
                             f"but values in range [{low}, {high}] were found."):
        route(np.array(y), Cutoffs([2, 5], 9), ignored)


@pytest.mark.parametrize("dtype, n_classes", [("int8", 200), ("uint8", 300), ("int16", 40_000)])
def test_narrow_targets_meet_cutoffs_that_their_dtype_cannot_hold(dtype, n_classes):
    cut, y = Cutoffs([2, n_classes - 1], n_classes), np.array([0, 2, 127], dtype=dtype)
    assert route(y, cut).tail.tolist() == [-1, 0, 0]
    assert route(y, cut).relative_target[0].tolist() == [0, 125]


@pytest.mark.parametrize("key", [[], [0], [-1, -1], [2, 0, -1, 2, 1, 0, -1]], ids=str)
def test_rows_are_grouped_by_key_in_their_order(key):
    key = np.array(key, dtype=int)
    order, edges, extra = group(key, 4)
    assert extra == [] and sorted(order.tolist()) == [*range(len(key))]
    for g in range(4):
        assert order[edges[g]:edges[g + 1]].tolist() == np.flatnonzero(key == g).tolist()
    assert all(type(edge) is int for edge in edges)


def test_values_come_along_with_the_groups():
    order, edges, extra = group(np.array([1, 0, 1]), 2, (np.array(7), np.array(-3)))
    assert (order.tolist(), edges, extra) == ([1, 0, 2], [0, 1, 3], [7, -3])
