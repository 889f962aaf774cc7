"""The layer on a real GPU: `pytest -m gpu` runs these wherever CuPy counts a device.

The same drawn problems, laws and vectors as on NumPy, with CuPy's arrays.  What has and has not
been run on a device is said in the README.
"""
from pathlib import Path

import numpy as np
import pytest
from gpu import cupy_with_a_device
from strict_cupy import layer, port
from strict_cupy.rerun import copy_of

from npadasoft import AdaptiveLogSoftmaxWithLoss, arrays

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def cp():
    return cupy_with_a_device()


def device_layer(cp, dtype="float64"):
    host = AdaptiveLogSoftmaxWithLoss(16, 60, [10, 25, 40], 2.0, True, rng=0, dtype=dtype)
    return host, host.with_parameters(host.parameters.map(cp.asarray))


def bound(host, x):
    """An error of any log-probability: the length of its sums in u, times the size of their terms.

    γ_n = n u / (1 - n u) for each dot product, twice for a cluster's two, and once for the sum of
    exponentials, on both sides of the comparison.  [Higham 2002, 3.1]
    """
    n = host.in_features + host.n_classes
    size = max(float(np.abs(w).sum(-1).max()) for _, w in host.parameters.items() if w.ndim == 2)
    return 8 * n * np.finfo(host.dtype).eps * (1 + float(np.abs(x).max()) * size * (1 + size))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 33])
def test_every_method_agrees_with_numpy_to_rounding(cp, dtype, n):
    host, device = device_layer(cp, dtype)
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, 16)).astype(dtype), rng.integers(0, 60, n)
    X, Y = cp.asarray(x), cp.asarray(y)
    due = bound(host, x) if n else 0.0
    (want, want_loss), _ = host.forward(x, y)
    (output, loss), cache = device.forward(X, Y)
    np.testing.assert_allclose(cp.asnumpy(output), want, rtol=0, atol=due)
    np.testing.assert_allclose(cp.asnumpy(loss), want_loss, rtol=0, atol=due)
    np.testing.assert_allclose(cp.asnumpy(device.log_prob(X)), host.log_prob(x), rtol=0, atol=due)
    for got in (device.backward(cache), device.loss_and_gradients(X, Y)[1]):
        want = host.loss_and_gradients(x, y)[1]
        scale = 1 + float(np.abs(x).max(initial=0)) * 60
        np.testing.assert_allclose(cp.asnumpy(got.input), want.input, rtol=0, atol=due * scale)
        for (_, a), (_, b) in zip(got.parameters.items(), want.parameters.items()):
            np.testing.assert_allclose(cp.asnumpy(a), b, rtol=0, atol=due * scale)
    log_p = cp.asnumpy(device.log_prob(X))
    for index in (device.predict(X)[:, None], device.topk(X, 60).index[:, :1]):
        best = np.take_along_axis(log_p, cp.asnumpy(index), -1)[:, 0]
        np.testing.assert_allclose(best, log_p.max(-1, initial=-np.inf), rtol=0, atol=due)
    drawn = cp.asnumpy(device.sample(X, 0))
    assert drawn.shape == (n,) and ((0 <= drawn) & (drawn < 60)).all()


def test_a_target_out_of_range_is_refused_before_it_wraps(cp):
    _, device = device_layer(cp)
    for y in ([60], [-1]):
        with pytest.raises(ValueError, match=r"Target values should be in \[0, 59\]"):
            device.forward(cp.ones((1, 16)), cp.asarray(y))


def test_results_are_arrays_of_the_device_and_libraries_do_not_mix(cp):
    host, device = device_layer(cp)
    (output, loss), _ = device.forward(cp.ones((2, 16)), cp.asarray([0, 59]))
    assert isinstance(output, cp.ndarray) and isinstance(loss, cp.ndarray)
    with pytest.raises(TypeError, match="cupy and numpy"):
        host.forward(cp.ones((2, 16)), np.array([0, 59]))
    assert isinstance(arrays.to_numpy(output), np.ndarray)


def test_the_complex_step_stays_on_numpy(cp):
    host, device = device_layer(cp, "complex128")
    (want, _), _ = host.forward(np.ones((2, 16), complex), np.array([0, 59]))
    (output, _), cache = device.forward(cp.ones((2, 16), complex), cp.asarray([0, 59]))
    np.testing.assert_allclose(cp.asnumpy(output), want, rtol=0, atol=bound(host, np.ones(1)))
    with pytest.raises(Exception, match="(?i)compil|expm1|nvrtc"):
        device.backward(cache)


@pytest.fixture
def carried(cp):
    """What `strict_cupy.layer` lifts goes to CuPy while the test runs."""
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


@pytest.mark.parametrize("module", ["test_laws", "test_functional", "test_search"])
def test_the_laws_hold_on_the_device(carried, module):
    path = Path(__file__).with_name(f"{module}.py")
    assert pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not figures and not gpu", str(path)],
                       plugins=[OnDevice()]) == 0


def test_the_golden_vectors_hold_on_the_device(carried):
    failed = [(r.case["id"], r.dtype, r.message) for r in port.results() if r.verdict != "pass"]
    assert not failed
