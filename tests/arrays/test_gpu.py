"""The layer on a real GPU: `pytest -m gpu` runs these wherever CuPy counts a device.

The same drawn problems, laws and vectors as on NumPy, with CuPy's arrays.  What has and has not
been run on a device is said in the README.  The first half runs on the stand-in, too, in every
build: so that on the first device the layer is tried, and not these lines.

Every tolerance is the running error bound of `rounding.py`, to which each evaluation is held, in
any order of summation, with or without FMA; two evaluations differ by no more than both bounds.
The bound grants 4 ulp to one exp, expm1 or log1p; CUDA states at most 2 for them in float32 and 1
in float64.  CuPy's products do not use TF32 unless CUPY_TF32 asks for it.
[CUDA C++ Programming Guide, Mathematical Functions Appendix]
"""
from pathlib import Path

import numpy as np
import pytest
import strict_cupy
from gpu import OTHER_SHAPES_OTHER_BITS, cupy_with_a_device
from strict_cupy import layer, port
from strict_cupy.rerun import copy_of

import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss, arrays
from rounding import FIRST_ORDER, UNIT, Model, assert_within

gpu = pytest.mark.gpu


@pytest.fixture(scope="module", params=[
    pytest.param(lambda: strict_cupy, id="stand-in"),
    pytest.param(cupy_with_a_device, id="cupy", marks=gpu)])
def cp(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(arrays._LIBRARIES, "strict_cupy", "ndarray")
        yield request.param()


def device_layer(cp, dtype="float64"):
    host = AdaptiveLogSoftmaxWithLoss(16, 60, [10, 25, 40], 2.0, True, rng=0, dtype=dtype)
    return host, host.with_parameters(host.parameters.map(cp.asarray))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 33])
def test_every_method_agrees_with_numpy_to_rounding(cp, dtype, n):
    host, device = device_layer(cp, dtype)
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, 16)).astype(dtype), rng.integers(0, 60, n)
    upstream = rng.normal(size=n).astype(dtype), -0.5
    grad = rng.normal(size=(n, 60)).astype(dtype)
    X, Y, up = cp.asarray(x), cp.asarray(y), (cp.asarray(upstream[0]), upstream[1])
    model = Model.of(host, x)

    def agree(found, wanted, due, name):
        assert_within(cp.asnumpy(found), wanted, 2 * due.error, dtype, name)

    def agree_all(found, wanted, due):
        wanted = witnesses.leaves(wanted)
        for name, leaf in witnesses.leaves(found).items():
            agree(leaf, wanted[name], due[name], name)

    want, host_cache = host.forward(x, y)
    got, cache = device.forward(X, Y)
    agree(got.output, want.output, model.output(y), "output")
    agree(device.log_prob(X), host.log_prob(x), model.log_prob(), "log_prob")
    agree_all(device.backward(cache, *up), host.backward(host_cache, *upstream),
              model.gradients(y, *upstream, "mean"))
    agree_all(device.log_prob_backward(X, cp.asarray(grad)), host.log_prob_backward(x, grad),
              model.log_prob_gradients(grad))
    loss, grads = device.loss_and_gradients(X, Y)
    _, written = device.loss_and_gradients(X, Y, out=grads)
    assert written is grads
    agree_all(grads, host.loss_and_gradients(x, y)[1],
              model.gradients(y, np.zeros(n), 1.0, "mean"))
    for found in (got.loss, loss):
        if n:
            agree(found, want.loss, model.loss(y, "mean"), "loss")
        assert n or np.isnan(cp.asnumpy(found))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_classes_found_are_the_best_to_rounding(cp, dtype):
    """Errors of at most e move the j-th largest value by at most e, and the one found errs, too."""
    host, device = device_layer(cp, dtype)
    x = np.random.default_rng(0).normal(size=(33, 16)).astype(dtype)
    due, X = Model.of(host, x).log_prob(), cp.asarray(x)
    slack = FIRST_ORDER * UNIT[dtype] * due.error
    top = cp.asnumpy(device.topk(X, 60).index)
    assert (np.sort(top, -1) == np.arange(60)).all()
    ranked = -np.sort(-due.value, -1)
    for wanted, found in [(ranked[:, :1], cp.asnumpy(device.predict(X))[:, None]), (ranked, top)]:
        apart = abs(np.take_along_axis(due.value, found, -1) - wanted)
        assert (apart <= np.take_along_axis(slack, found, -1) + slack.max(-1)[:, None]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_seed_draws_the_same_classes(cp, dtype):
    host, device = device_layer(cp, dtype)
    x = np.random.default_rng(0).normal(size=(33, 16)).astype(dtype)
    model, u = Model.of(host, x), np.random.default_rng(1).random((33, 2))

    def clear(log_p, u):
        """Whether rounding moves no draw over an edge: of p, of its sum, of u times the total."""
        p = log_p.exp()
        running = np.cumsum(p.value, -1)
        error = FIRST_ORDER * UNIT[dtype] * (p.error.sum(-1) + p.shape[-1] + 1)
        return (abs(running - (u * running[:, -1])[:, None]) > 2 * error[:, None]).all()

    assert clear(model.head, u[:, 0]) and all(clear(tail, u[:, 1]) for tail in model.tails)
    assert np.array_equal(cp.asnumpy(device.sample(cp.asarray(x), 1)), host.sample(x, 1))


def test_a_target_out_of_range_is_refused_before_it_wraps(cp):
    _, device = device_layer(cp)
    for y in ([60], [-1]):
        with pytest.raises(ValueError, match=r"Target values should be in \[0, 59\]"):
            device.forward(cp.ones((1, 16)), cp.asarray(y))


def test_results_are_arrays_of_the_device_and_libraries_do_not_mix(cp):
    host, device = device_layer(cp)
    (output, loss), _ = device.forward(cp.ones((2, 16)), cp.asarray([0, 59]))
    assert isinstance(output, cp.ndarray) and isinstance(loss, cp.ndarray)
    with pytest.raises(TypeError, match=" and ".join(sorted([cp.__name__, "numpy"]))):
        host.forward(cp.ones((2, 16)), np.array([0, 59]))
    assert isinstance(arrays.to_numpy(output), np.ndarray)


def test_the_complex_step_stays_on_numpy(cp):
    """Forward runs: complex numbers without an imaginary part are added up as their real ones."""
    host, device = device_layer(cp, "complex128")
    x, y = np.ones((2, 16), complex), np.array([0, 59])
    real = {path: leaf.real for path, leaf in host.parameters.items()}
    due = Model(real, host.cutoffs, x.real).output(y)
    (want, _), _ = host.forward(x, y)
    (output, _), cache = device.forward(cp.asarray(x), cp.asarray(y))
    assert not want.imag.any() and not cp.asnumpy(output).imag.any()
    assert_within(cp.asnumpy(output).real, want.real, 2 * due.error, "float64")
    with pytest.raises(Exception, match="(?i)compil|expm1|nvrtc"):
        device.backward(cache)


# ---- the suite on CuPy, as `test_layer_on_strict_cupy.py` runs it on the stand-in

@pytest.fixture
def carried():
    """What `strict_cupy.layer` lifts goes to CuPy while the test runs."""
    cp = cupy_with_a_device()
    kept = {name: value for name, value in vars(layer.Library).items() if name[0] != "_"}
    layer.use(cp, "?bhilqBHILQefdFD")
    yield
    for name, value in kept.items():
        setattr(layer.Library, name, value)


class OnDevice:
    """A plugin: a copy on the device takes the place of each test module that pytest loads."""

    def pytest_pycollect_makemodule(self, module_path, parent):
        module = pytest.Module.from_parent(parent, path=module_path)
        module._getobj = lambda: copy_of(module_path.stem)
        return module


@gpu
@pytest.mark.parametrize("module", ["test_laws", "test_functional", "test_search"])
def test_the_laws_hold_on_the_device(carried, module):
    path = next(Path(__file__).parents[1].rglob(f"{module}.py"))
    left_out = [f"--deselect=tests/{module}.py::{name}" for name in OTHER_SHAPES_OTHER_BITS]
    assert pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not figures and not gpu", *left_out,
                        str(path)], plugins=[OnDevice()]) == 0


@gpu
def test_the_golden_vectors_hold_on_the_device(carried):
    failed = [(r.case["id"], r.dtype, r.message) for r in port.results() if r.verdict != "pass"]
    assert not failed
