"""Memory: any layout comes in, nothing is written, nothing is shared; libraries and threads."""
import sys
import threading
from types import ModuleType

import numpy as np
import pytest
from contract import COMPLEX, REAL, eighths, everything, leaves, refuses, same, small

from npadasoft import AdaptiveLogSoftmaxWithLoss, arrays

MEASURES = {"float16": "float32"}                       # the precision that float16 computes in
Y = np.array([8, 1, 5, 2, 0, 4])


def transposed(x):
    return x.T.copy().T


def sliced(x):
    return np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3]


def backwards(x):
    return x[::-1, ::-1].copy()[::-1, ::-1]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def swapped(x):
    return x.astype(x.dtype.newbyteorder("S"))


def unaligned(x):
    raw = np.zeros(x.nbytes + 1, dtype="uint8")[1:].view(x.dtype).reshape(x.shape)
    raw[...] = x
    return raw


LAYOUTS = [transposed, sliced, backwards, read_only, swapped, unaligned, np.asfortranarray]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", REAL + COMPLEX)
def test_any_memory_layout_gives_the_same_values(layout, dtype):
    """Logits are exact, so they have the same bits; weight gradients differ by their summation.

    |Σ - Σ'| <= 2 γ_N Σ|dz||x|, with Σ|dz| <= 2 Σ|q| and |q| <= 1 + 1/N and |x| <= 1, N = 6.
    """
    layer, x = small(dtype), eighths(3, (6, 6), dtype)
    u = float(np.finfo(MEASURES.get(dtype, dtype)).eps) / 2
    rounding = 2 * 6 * u * 2 * (6 + 1) + float(np.finfo(dtype).eps) * 7 * (dtype == "float16")
    inputs = layout(x)
    before = inputs.copy()
    for value, plain in zip(everything(layer, inputs, Y), everything(layer, x, Y), strict=True):
        assert value.dtype == plain.dtype and value.dtype.isnative and value.shape == plain.shape
        assert np.abs(value - plain).max() <= rounding
        assert not isinstance(value, np.ndarray) or value.flags.writeable
    assert (inputs == before).all()
    assert same(layer(inputs, layout(Y[:, None])[:, 0]), layer(x, Y))
    assert same(layer.predict(inputs), layer.predict(x))
    assert same(layer.sample(inputs, 0), layer.sample(x, 0))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
def test_weights_may_have_any_memory_layout(layout):
    layer, x = small(), eighths(3, (6, 6))

    def arranged(leaf):
        return layout(leaf) if leaf.ndim == 2 else layout(leaf[None])[0]

    other = layer.with_parameters(layer.parameters.map(arranged))
    rounding = 2 * 6 * np.finfo(float).eps / 2 * 2 * (6 + 1)
    for value, plain in zip(everything(other, x, Y), everything(layer, x, Y), strict=True):
        assert value.dtype.isnative and np.abs(value - plain).max() <= rounding
    assert other.dtype.isnative
    assert same(other.state_dict(), layer.state_dict())
    assert all(leaf.flags.writeable for leaf in other.state_dict().values())


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")        # of numpy.matrix itself
@pytest.mark.parametrize("kind", [
    np.ndarray.tolist, np.matrix, list, lambda x: tuple(map(tuple, x)),
    lambda x: np.ma.masked_array(x, mask=x > 0)],
    ids=["list", "matrix", "list of rows", "tuples", "masked"])
def test_lists_matrices_and_masked_arrays_are_converted_and_a_mask_is_not_seen(kind):
    layer, x = small(), eighths(3, (6, 6))
    results = everything(layer, kind(x), Y)
    assert all(type(value) is np.ndarray or np.isscalar(value) for value in results)
    assert all(map(same, results, everything(layer, x, Y)))


def test_results_of_one_example_are_scalars_of_the_dtype():
    layer = small("float32")
    for value in layer(eighths(3, (6,), "float32"), 8):
        assert type(value) is np.float32
    assert type(layer.predict(eighths(3, (6,), "float32"))) is np.int64


@pytest.mark.parametrize("dtype", REAL + COMPLEX)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_arrays_given_to_a_call_are_never_written(dtype, reduction):
    layer = small(dtype, reduction=reduction, ignore_index=4)
    x, y, up = eighths(3, (6, 6), dtype), Y.copy(), eighths(4, (6,), dtype)
    grad, weights = eighths(5, (6, 9), dtype), layer.state_dict()
    before = [a.copy() for a in (x, y, up, grad)]
    _, cache = layer.forward(x, y)
    layer.backward(cache, up, up if reduction == "none" else 0.5)
    layer.loss_and_gradients(x, y)
    layer.log_prob_backward(x, grad)
    layer.log_prob(x), layer.predict(x), layer.topk(x, 7), layer.sample(x, 0)
    assert all(map(same, (x, y, up, grad), before))
    assert same(dict(layer.parameters.items()), weights)


@pytest.mark.parametrize("dtype", REAL + COMPLEX)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("n", [1, 6])
def test_no_result_shares_memory_with_an_argument_or_another_result(dtype, reduction, n):
    layer = small(dtype, reduction=reduction)
    x, y, up = eighths(3, (n, 6), dtype), Y[:n], eighths(4, (n,), dtype)
    grad = eighths(5, (n, 9), dtype)
    result, cache = layer.forward(x, y)
    results = [*result, *leaves(layer.backward(cache, up)).values(), layer.log_prob(x),
               *leaves(layer.log_prob_backward(x, grad)).values(), layer.predict(x),
               *layer.topk(x, 2), *layer.topk(x, 9), layer.sample(x, 0),
               *layer.state_dict().values()]
    arguments = [x, y, up, grad, *dict(layer.parameters.items()).values()]
    results = [r for r in results if isinstance(r, np.ndarray)]
    for i, a in enumerate(results):
        assert not any(np.shares_memory(a, b) for b in arguments + results[:i]), i


def test_a_cache_refers_to_the_arrays_that_forward_saw():
    layer, x = small(), eighths(3, (6, 6))
    _, cache = layer.forward(x, Y)
    right = layer.backward(cache)
    x[:] = 0
    assert not layer.backward(cache).parameters.head.weight.any() and right.input.any()


# ------------------------------------------------------------------------ libraries, threads

class Tensor:
    """An array of a library that is not known here."""

    __module__ = "elsewhere"
    device = "cpu"


def test_an_array_of_an_unknown_library_is_refused_by_every_call():
    layer, x = small(), eighths(3, (6, 6))
    _, cache = layer.forward(x, Y)
    message = ("elsewhere.Tensor is not an array of NumPy or CuPy; convert it first, "
               "for example with numpy.asarray(...)")
    for call in (lambda: layer(Tensor(), Y), lambda: layer(x, Tensor()),
                 lambda: layer.log_prob(Tensor()), lambda: layer.predict(Tensor()),
                 lambda: layer.topk(Tensor(), 2), lambda: layer.sample(Tensor(), 0),
                 lambda: layer.log_prob_backward(x, Tensor()),
                 lambda: layer.backward(cache, Tensor()),
                 lambda: layer.backward(cache, grad_loss=Tensor()),
                 lambda: layer.load_state_dict({"head.weight": Tensor()})):
        with refuses(TypeError, message):
            call()


def test_arrays_of_two_libraries_in_one_call_are_refused(monkeypatch):
    module = ModuleType("elsewhere")
    module.ndarray = Tensor
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    monkeypatch.setitem(arrays._LIBRARIES, "elsewhere", "ndarray")
    layer, x = small(), eighths(3, (6, 6))
    _, cache = layer.forward(x, Y)
    for call in (lambda: layer(Tensor(), Y), lambda: layer(x, Tensor()),
                 lambda: layer.loss_and_gradients(x, Tensor()), lambda: layer.log_prob(Tensor()),
                 lambda: layer.backward(cache, Tensor()),
                 lambda: layer.log_prob_backward(x, Tensor())):
        with pytest.raises(TypeError, match="^arrays of .* and .* in one call: move them to one "
                                            "library$"):
            call()


def test_torch_tensors_are_refused_outside_of_states():
    torch = pytest.importorskip("torch")
    with refuses(TypeError, "torch.Tensor is not an array of NumPy or CuPy; convert it first, "
                            "for example with numpy.asarray(...)"):
        small()(torch.zeros(6, 6, dtype=torch.float64), Y)


def test_eight_threads_on_one_layer_give_the_bits_of_one_thread():
    layer = AdaptiveLogSoftmaxWithLoss(32, 200, [20, 90], 2.0, True, rng=0)
    rng = np.random.default_rng(1)
    work = [(rng.normal(size=(40, 32)), rng.integers(0, 200, 40)) for _ in range(8)]

    def run(x, y):
        result, cache = layer.forward(x, y)
        return (*result, layer.backward(cache), layer.log_prob(x), layer.predict(x),
                tuple(layer.topk(x, 5)), layer.sample(x, 3))

    alone = [run(*item) for item in work]
    found = [[None] * 10 for _ in work]
    start = threading.Barrier(8)

    def many(i):
        start.wait()
        for turn in range(10):
            found[i][turn] = run(*work[i])

    threads = [threading.Thread(target=many, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(turn, alone[i]) for i in range(8) for turn in found[i])


def test_two_forwards_never_interfere():
    layer = small()
    (xa, ya), (xb, yb) = (eighths(3, (6, 6)), Y), (eighths(9, (4, 6)), np.array([8, 8, 0, 3]))
    result_a, cache_a = layer.forward(xa, ya)
    result_b, cache_b = layer.forward(xb, yb)
    gradients_b, gradients_a = layer.backward(cache_b), layer.backward(cache_a)
    for x, y, result, gradients in ((xa, ya, result_a, gradients_a),
                                    (xb, yb, result_b, gradients_b)):
        alone, cache = layer.forward(x, y)
        assert same(alone, result) and same(layer.backward(cache), gradients)
