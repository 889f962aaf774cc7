"""The layer on the stand-in for CuPy: the same bits as on NumPy, few waits; its whole test suite.

The second half is every test of the layer once more, from a copy of its module in which the layer
computes on the stand-in (`strict_cupy.rerun`): all of them, not a sample.
"""
import inspect
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import strict_cupy as cp
from hypothesis import example, given, settings
from strict_cupy import port
from strict_cupy.layer import down, up
from strict_cupy.rerun import TESTS, copy_of

from npadasoft import AdaptiveLogSoftmaxWithLoss, arrays, search

REAL = ("float16", "float32", "float64")
DTYPES = (*REAL, "complex64", "complex128")


@pytest.fixture(autouse=True, scope="module")
def stand_in():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(arrays._LIBRARIES, "strict_cupy", "ndarray")
        yield


@st.composite
def problems(draw, dtypes=DTYPES):
    """A layer and a batch: every structure, an empty batch, unused and one-class clusters."""
    n_classes = draw(st.integers(2, 12))
    cuts = sorted(draw(st.sets(st.integers(1, n_classes - 1), min_size=1, max_size=4)))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                 # a hidden size of 0 is legal
        layer = AdaptiveLogSoftmaxWithLoss(
            draw(st.integers(1, 7)), n_classes, cuts, draw(st.sampled_from([0.7, 1.0, 2.0, 4.0])),
            draw(st.booleans()), tail_bias=draw(st.booleans()),
            ignore_index=draw(st.sampled_from([None, 0, -1])),
            reduction=draw(st.sampled_from(["mean", "sum", "none"])), dtype=dtype, rng=rng)
    n = draw(st.sampled_from([0, 1, 2, 7, 40]))
    scale = draw(st.sampled_from([0.0, 1.0, 30.0]))
    x = (scale * rng.normal(size=(n, layer.in_features))).astype(dtype)
    y = rng.integers(0, n_classes, n)
    if layer.ignore_index is not None and n:
        y[rng.integers(n)] = layer.ignore_index
    return layer, x, y, seed


def on_device(layer):
    return layer.with_parameters(layer.parameters.map(cp.asarray))


def same_bits(want, got):
    """Whether two results agree in dtype, shape and bits; one nan is as good as another."""
    got = down(got)
    if isinstance(want, tuple):
        return len(want) == len(got) and all(map(same_bits, want, got))
    if hasattr(want, "items"):
        return same_bits(tuple(a for _, a in want.items()), tuple(a for _, a in got.items()))
    want, got = (np.where(np.isnan(a), a.dtype.type("nan"), a) if a.dtype.kind in "fc" else a
                 for a in map(np.asarray, (want, got)))
    return (want.dtype, want.shape, want.tobytes()) == (got.dtype, got.shape, got.tobytes())


def compare(layer, name, *args, waits=0, **keywords):
    """Run one method on both libraries: the same bits, and as many waits as promised."""
    with np.errstate(all="ignore"):
        want = getattr(layer, name)(*args, **keywords)
    with cp.count_syncs() as seen:
        got = getattr(on_device(layer), name)(*up(args), **keywords)
    assert len(seen) <= waits, f"{name}: {seen}"
    if name == "forward":
        (want, want_cache), (got, got_cache) = want, got
        assert same_bits(want_cache.head_log_prob, got_cache.head_log_prob)
        return want, got, want_cache, got_cache
    assert same_bits(want, got)
    return want, got


EDGE = AdaptiveLogSoftmaxWithLoss(3, 5, [1, 4], 1.0, rng=0)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(problems())
@example((EDGE, np.zeros((0, 3)), np.zeros(0, int), 0))
@example((EDGE, np.full((2, 3), np.nan), np.array([0, 4]), 0))
@example((EDGE, np.array([[1e4, 0, 0], [-1e4, 1, 0]]), np.array([0, 4]), 0))
def test_forward_and_backward_give_the_same_bits(problem):
    layer, x, y, seed = problem
    want, got, want_cache, got_cache = compare(layer, "forward", x, y, waits=1)
    assert same_bits(want, got)
    if layer.dtype.kind == "c":
        with pytest.raises(TypeError, match="does not compile on a device"):
            on_device(layer).backward(got_cache)
        return                                          # the complex step stays on NumPy
    rng = np.random.default_rng(seed)
    grad_output = rng.normal(size=np.shape(want.output)).astype(np.asarray(want.output).dtype)
    for ups in ({}, {"grad_output": grad_output}, {"grad_output": grad_output, "grad_loss": -0.5}):
        with np.errstate(all="ignore"):
            want = layer.backward(want_cache, **ups)
        with cp.count_syncs() as seen:
            got = on_device(layer).backward(got_cache, **up(ups))
        assert seen == [] and same_bits(want, got)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(problems(REAL), st.sampled_from([2**28, 30_000, 6_000]))
@example((EDGE, np.zeros((0, 3)), np.zeros(0, int), 0), 2**28)
def test_the_blocked_pass_gives_the_same_bits(problem, memory):
    layer, x, y, _ = problem
    compare(layer, "loss_and_gradients", x, y, memory=memory, waits=1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
@example((EDGE, np.zeros((0, 3)), np.zeros(0, int), 0))
@example((EDGE, np.full((2, 3), np.nan), np.array([0, 4]), 0))
def test_log_prob_and_its_transpose_give_the_same_bits(problem):
    layer, x, _, seed = problem
    want, _ = compare(layer, "log_prob", x)
    grad = np.random.default_rng(seed).normal(size=want.shape).astype(want.dtype)
    if layer.dtype.kind != "c":
        compare(layer, "log_prob_backward", x, grad)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(problems(), st.floats(0, 1))
@example((EDGE, np.zeros((0, 3)), np.zeros(0, int), 0), 1.0)
@example((EDGE, np.full((2, 3), np.nan), np.array([0, 4]), 0), 0.5)
def test_predict_topk_and_sample_give_the_same_bits(problem, part):
    layer, x, _, seed = problem
    compare(layer, "predict", x, waits=1 + layer.n_clusters)
    compare(layer, "topk", x, round(part * layer.n_classes), waits=1 + layer.n_clusters)
    if np.isfinite(layer.log_prob(x).real).all():
        compare(layer, "sample", x, seed, waits=1)


def test_one_call_waits_once():
    layer = on_device(AdaptiveLogSoftmaxWithLoss(8, 40, [10, 20, 30], 1.0, rng=0))
    rng = np.random.default_rng(0)
    x, y = cp.asarray(rng.normal(size=(30, 8))), cp.asarray(rng.integers(0, 40, 30))

    def waits(call):
        with cp.count_syncs() as seen:
            call()
        return len(seen)

    _, cache = layer.forward(x, y)
    assert waits(lambda: layer.forward(x, y)) == 1
    assert waits(lambda: layer(x, y)) == 1
    assert waits(lambda: layer.backward(cache)) == 0
    assert waits(lambda: layer.loss_and_gradients(x, y)) == 1
    assert waits(lambda: layer.log_prob(x)) == 0
    assert waits(lambda: layer.log_prob_backward(x, layer.log_prob(x))) == 0
    assert waits(lambda: layer.sample(x, 0)) == 1
    assert waits(lambda: layer.topk(x, 0)) == 0
    assert waits(layer.state_dict) == 0
    assert waits(lambda: layer.topk(x, 40)) == layer.n_clusters == 3


@pytest.mark.parametrize("favourite", [3, 10, 12, None])
def test_a_search_waits_once_and_once_more_for_each_cluster_opened(favourite, monkeypatch):
    layer = AdaptiveLogSoftmaxWithLoss(8, 40, [10, 20, 30], 1.0, head_bias=True, rng=0)
    if favourite is not None:
        layer.parameters.head.bias[favourite] = 9.0     # 3 is a class; 10 and 12 are clusters
    x = np.random.default_rng(0).normal(size=(30, 8))
    opened = []
    look = search._tail_log_prob
    monkeypatch.setattr(search, "_tail_log_prob", lambda *args: opened.append(1) or look(*args))
    for name, args in (("predict", ()), ("topk", (1,)), ("topk", (4,))):
        opened.clear()
        with cp.count_syncs() as seen:
            getattr(on_device(layer), name)(cp.asarray(x), *args)
        assert 1 <= len(seen) <= 1 + len(opened)
        if favourite == 3 and args != (4,):
            assert opened == []


@pytest.mark.parametrize("size, waits", [(1.0, 1), (1e150, 1), (1e160, 2)])
def test_a_sample_waits_again_only_where_numbers_are_huge(size, waits):
    layer = AdaptiveLogSoftmaxWithLoss(3, 5, [1, 4], 1.0, True, rng=0)
    layer.parameters.head.bias[0] = -9.0                # so that clusters are drawn
    layer.parameters.tail[0].output.weight[1] *= size
    x = np.random.default_rng(0).normal(size=(30, 3))
    with cp.count_syncs() as seen:
        got = on_device(layer).sample(cp.asarray(x), 0)
    assert len(seen) == waits and same_bits(layer.sample(x, 0), got)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_a_cluster_that_is_nan_is_refused_in_the_words_of_numpy(value):
    layer = AdaptiveLogSoftmaxWithLoss(3, 5, [1, 4], 1.0, True, rng=0)
    layer.parameters.head.bias[0] = -9.0
    layer.parameters.tail[0].projection.weight[0] = value
    layer.parameters.tail[0].output.weight[1] = 1e200
    x = np.random.default_rng(0).normal(size=(30, 3))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="first in row") as host:
        layer.sample(x, 0)
    with pytest.raises(ValueError) as device:
        on_device(layer).sample(cp.asarray(x), 0)
    assert str(device.value) == str(host.value)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_where_a_sample_has_no_doubt_every_logit_is_finite(dtype):
    rng, seen = np.random.default_rng(0), set()
    for _ in range(300):
        def huge(a):
            unit = rng.choice([1, 1j]) if dtype == "complex64" else 1
            return (a * unit * 10 ** rng.uniform(-10, 22)).astype(dtype)
        x, tree = huge(rng.normal(size=(4, 3))), EDGE.parameters.map(huge)
        doubt = int(search._doubt(cp.asarray(x), tree.map(cp.asarray)))
        with np.errstate(all="ignore"):
            finite = [np.isfinite(x @ c.projection.weight.T @ c.output.weight.T).all()
                      for c in tree.tail]
        assert doubt >= finite.count(False)
        seen.add((doubt, all(finite)))
    assert {(0, True), (1, False), (2, False)} <= seen


def test_a_layer_moves_to_the_device_and_back():
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, True, rng=0)
    moved = on_device(layer)
    assert all(isinstance(leaf, cp.ndarray) for _, leaf in moved.parameters.items())
    assert same_bits(layer.state_dict(), moved.state_dict())
    moved.load_state_dict(layer.state_dict())           # NumPy arrays into a layer on the device
    assert isinstance(moved.parameters.head.weight, cp.ndarray)
    assert same_bits(layer.parameters, moved.parameters)
    back = moved.with_parameters(moved.parameters.map(arrays.to_numpy))
    assert same_bits(layer.state_dict(), back.state_dict())
    again = AdaptiveLogSoftmaxWithLoss.from_state_dict(moved.state_dict())
    assert isinstance(again.parameters.head.weight, cp.ndarray)


def test_results_live_where_the_inputs_live():
    layer = on_device(EDGE)
    x, y = cp.asarray(np.ones((2, 3))), cp.asarray([0, 4])
    (output, loss), cache = layer.forward(x, y)
    grads = layer.backward(cache)
    found = (output, loss, grads.input, layer.predict(x), layer.sample(x, 0), layer.log_prob(x),
             *layer.topk(x, 2), *(leaf for _, leaf in grads.parameters.items()))
    for value in found:
        assert isinstance(value, cp.ndarray)


def test_lists_meet_a_layer_on_the_device():
    assert same_bits(EDGE([[1.0, 2.0, 3.0]], [4]), on_device(EDGE)([[1.0, 2.0, 3.0]], [4]))


def test_lists_in_a_state_go_where_its_arrays_are():
    state = {**EDGE.state_dict(), "head.weight": EDGE.parameters.head.weight.tolist()}
    layer = AdaptiveLogSoftmaxWithLoss.from_state_dict(up(state))
    assert isinstance(layer.parameters.head.weight, cp.ndarray)
    assert same_bits(EDGE.state_dict(), layer.state_dict())
    layer.load_state_dict(state)                        # lists and NumPy arrays come up
    assert same_bits(EDGE.state_dict(), layer.state_dict())


@pytest.mark.parametrize("y", [[0, 5], [-1, 0], [2**40, 0]])
def test_a_target_out_of_range_is_refused_before_anything_wraps(y):
    with pytest.raises(ValueError, match=r"Target values should be in \[0, 4\]"):
        on_device(EDGE).forward(cp.asarray(np.ones((2, 3))), cp.asarray(y))


def test_the_golden_vectors_hold_on_the_stand_in():
    found = list(port.results())
    assert len(found) > 400
    assert not [(r.case["id"], r.dtype, r.message) for r in found if r.verdict != "pass"]


# ---- the layer's own suite, all of it

MODULES = ("accuracy", "adaptive", "checks", "cutoffs", "functional", "fused", "laws", "parameters",
           "search", "state", "tangents")
SUITE = sorted(path.stem for name in MODULES for path in TESTS.glob(f"layer/test_{name}*.py"))
NOT_THERE = {       # test: why it says nothing about the device
    "test_a_step_stays_within_its_memory_whatever_the_batch_and_the_classes": "bytes of the host",
    "test_a_narrow_cluster_of_wide_inputs_stays_within_its_memory": "bytes of the host",
    "test_few_rows_of_wide_inputs_stay_within_their_memory": "bytes of the host",
    "test_a_cache_refers_to_the_arrays_that_forward_saw": "arrays that came up are copies",
    "test_a_mistake_planted_in_the_tangents_is_seen": "the source of a function of the host",
    "test_forward_mode_costs_two_forwards_and_the_hessian_less_than_four_steps": "counts on NumPy",
    "test_a_scalar_gradient_of_the_loss_never_widens_a_result": "takes a long double",
}
FIXTURES = {}

for _module in SUITE:
    _copy = copy_of(_module)
    for _name, _value in list(vars(_copy).items()):
        if _name.startswith("test_") and callable(_value) and _name not in NOT_THERE:
            globals()[f"{_name}__of_{_module}"] = pytest.mark.once(_value)
        elif type(_value).__name__ == "FixtureFunctionDefinition":
            _source = inspect.getsource(_value._get_wrapped_function())
            assert FIXTURES.setdefault(_name, _source) == _source, f"two fixtures named {_name}"
            globals()[_name] = _value


def test_the_whole_suite_of_the_layer_is_here():
    wanted = {f"{name}__of_{module}" for module in SUITE for name in _tests_in(module)}
    assert SUITE and not {name for name in wanted if name.split("__of_")[0] not in NOT_THERE
                          } - set(globals())


def _tests_in(module):
    lines = (TESTS / "layer" / f"{module}.py").read_text().splitlines()
    return [line.split("(")[0][4:] for line in lines if line.startswith("def test_")]
