"""Arrays that a result is written into: whose memory they may be, and that no other is taken."""
import numpy as np
import pytest
import strict_cupy
from contract import leaves, refuses

from npadasoft import AdaptiveLogSoftmaxWithLoss, Gradients, Parameters, arrays
from npadasoft.bench.timing import numpy_peak

READ = ("input", "target", "head.weight", "tail.1.1.weight")


def touching(a, b):
    """Zeros in the shapes and dtypes of two arrays, the last item of one and the first of the other
    in one place, and the memory of both."""
    start = a.nbytes - min(a.itemsize, b.itemsize)
    start -= start % b.itemsize
    memory = np.zeros(start + b.nbytes + a.itemsize, np.uint8)
    return (memory[:a.nbytes].view(a.dtype).reshape(a.shape),
            memory[start:start + b.nbytes].view(b.dtype).reshape(b.shape), memory)


def problem(dtype):
    """A layer, and by path what is read and what is written."""
    layer = AdaptiveLogSoftmaxWithLoss(4, 40, [10, 20], 2.0, True, dtype=dtype, rng=0)
    read = {"input": np.zeros((6, 4), dtype), "target": np.arange(6)}
    written = {"input": np.zeros((6, 4), dtype),
               **{path: np.zeros_like(leaf) for path, leaf in layer.parameters.items()}}
    return layer, read | dict(layer.parameters.items()), written


def step(layer, read, written, to=lambda array: array):
    """A step that reads and writes these arrays."""
    read, written = ({path: to(array) for path, array in tree.items()} for tree in (read, written))
    x, y, out_input = read.pop("input"), read.pop("target"), written.pop("input")
    layer = layer.with_parameters(Parameters.from_items(read))
    return layer.loss_and_gradients(x, y, out=Gradients(out_input, Parameters.from_items(written)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])    # float16 is written late
@pytest.mark.parametrize("path", ["input", "head.bias", "tail.0.1.weight"])
@pytest.mark.parametrize("name", READ)
def test_out_may_share_no_memory_with_what_is_read(name, path, dtype):
    layer, read, written = problem(dtype)
    assert step(layer, read, written)[0] > 0
    written[path], read[name], memory = touching(written[path], read[name])
    with pytest.raises(ValueError, match=f"^{path} of out overlaps {name} in memory$"):
        step(layer, read, written)
    assert not memory.any()


def test_out_may_not_be_what_an_input_that_is_no_array_shows():
    layer, read, written = problem("float64")
    with pytest.raises(ValueError, match="^input of out overlaps input in memory$"):
        layer.loss_and_gradients(memoryview(written["input"]), read["target"], out=Gradients(
            written.pop("input"), Parameters.from_items(written)))


@pytest.mark.parametrize("kind", [np.matrix, np.ma.MaskedArray, np.memmap])
def test_a_subclass_is_written_as_the_array_that_it_is(kind, tmp_path):
    layer, read, _ = problem("float64")
    read["input"] = np.random.default_rng(0).normal(size=(4, 4))            # a matrix would fit
    read["target"] = np.array([0, 1, 12, 30])
    layer = layer.with_parameters(Parameters.from_items(
        {path: a for path, a in read.items() if path not in ("input", "target")}))
    plain = layer.loss_and_gradients(read["input"], read["target"])[1]

    def another(a):
        if kind is np.memmap:
            file = tmp_path / str(len(list(tmp_path.iterdir())))
            return np.memmap(file, a.dtype, "w+", shape=a.shape)
        return np.zeros_like(a).view(kind) if a.ndim == 2 else np.zeros_like(a)
    out = Gradients(another(plain.input), plain.parameters.map(another))
    layer.loss_and_gradients(read["input"], read["target"], out=out)
    assert type(out.input) is kind
    assert all((np.asarray(a) == leaves(plain)[path]).all() for path, a in leaves(out).items())


@pytest.mark.parametrize("first, second", [("input", "tail.0.0.weight"),
                                           ("head.weight", "head.bias")])
def test_the_arrays_of_out_may_share_no_memory(first, second):
    layer, read, written = problem("float64")
    written[first], written[second], memory = touching(written[first], written[second])
    with pytest.raises(ValueError, match=f"^{second} of out overlaps {first} of out in memory$"):
        step(layer, read, written)
    assert not memory.any()


@pytest.mark.parametrize("path, leaf, kind, message", [
    ("input", np.zeros((6, 5)), ValueError,
     "input of out should have shape (6, 4), but found (6, 5)"),
    ("head.weight", np.zeros((12, 4), "float32"), TypeError,
     "head.weight of out should be float64, but found float32"),
    ("head.weight", np.zeros((12, 4), np.dtype(float).newbyteorder()), TypeError,
     f"head.weight of out should be float64, but found {np.dtype(float).newbyteorder()}"),
    ("tail.1.1.weight", np.zeros((20, 2))[:, :1], ValueError,
     "tail.1.1.weight of out should be C-contiguous, but it is not"),
    ("head.bias", np.broadcast_to(np.zeros(12), 12), ValueError,
     "head.bias of out should be writeable, but it is read-only"),
    ("head.bias", [0.0] * 12, TypeError, "head.bias of out should be an array, but found list"),
    ("head.bias", None, ValueError,
     "out should hold input, head.weight, head.bias, tail.0.0.weight, tail.0.1.weight, "
     "tail.1.0.weight, tail.1.1.weight, but found input, head.weight, tail.0.0.weight, "
     "tail.0.1.weight, tail.1.0.weight, tail.1.1.weight")], ids=lambda value: str(value)[-30:])
def test_an_out_that_does_not_fit_is_refused_before_anything_is_written(path, leaf, kind, message):
    layer, read, written = problem("float64")
    written[path] = leaf
    with refuses(kind, message):
        step(layer, read, written)
    assert not any(np.any(a) for a in written.values() if a is not None)


def test_nothing_is_written_where_another_argument_is_refused():
    layer, read, written = problem("float64")
    _, out = step(layer, read, written)
    before = [a.copy() for a in leaves(out).values()]
    x, y = np.ones((6, 4)), read["target"]
    for bad in ({"memory": 8}, {"memory": 0}, {"out": tuple(out)}, {"input": x[:5]},
                {"target": y + 40}, {"input": x.astype("float32")}):
        with pytest.raises((TypeError, ValueError)):
            layer.loss_and_gradients(**{"input": x, "target": y, "out": out} | bad)
    assert all((a == b).all() for a, b in zip(leaves(out).values(), before))
    with refuses(TypeError, "out should be a Gradients, but found tuple"):
        layer.loss_and_gradients(x, y, out=tuple(out))
    with refuses(TypeError, "parameters of out should be a Parameters, but found dict"):
        layer.loss_and_gradients(x, y, out=out._replace(parameters=dict(out.parameters.items())))


def test_what_is_given_back_is_out_itself():
    layer, read, written = problem("float64")
    _, out = step(layer, read, written)
    assert all(a is written[path] for path, a in leaves(out).items())
    assert layer.loss_and_gradients(read["input"], read["target"], out=out)[1] is out


def test_slices_of_one_array_that_do_not_touch_are_taken():
    layer, read, written = problem("float64")
    flat, start = np.zeros(sum(a.size for a in written.values())), 0
    plain = step(layer, read, written)[1]
    for path, a in written.items():
        written[path] = flat[start:start + a.size].reshape(a.shape)
        start += a.size
    step(layer, read, written)
    assert (flat == np.concatenate(
        [a.ravel() for a in (plain.input, *dict(plain.parameters.items()).values())])).all()


def test_on_a_device_too_memory_is_not_shared(monkeypatch):
    monkeypatch.setitem(arrays._LIBRARIES, "strict_cupy", "ndarray")
    layer, read, written = problem("float64")
    up = strict_cupy.asarray
    assert strict_cupy.asnumpy(step(layer, read, written, up)[0]) > 0
    moved = {path: up(a) for path, a in (read | {"head.bias": written["head.bias"]}).items()}
    written = {path: up(a) for path, a in written.items()} | {"head.bias": moved["head.bias"]}
    with pytest.raises(ValueError, match="^head.bias of out overlaps head.bias in memory$"):
        step(layer, moved, written)


def test_arrays_of_two_libraries_are_refused(monkeypatch):
    monkeypatch.setitem(arrays._LIBRARIES, "strict_cupy", "ndarray")
    layer, read, written = problem("float64")
    written["head.bias"] = strict_cupy.asarray(written["head.bias"])
    with pytest.raises(TypeError, match="arrays of numpy and strict_cupy in one call"):
        step(layer, read, written)


def test_a_step_into_out_makes_no_array_of_the_result_anew():
    rng = np.random.default_rng(0)
    layer = AdaptiveLogSoftmaxWithLoss(1_024, 4_000, [400, 1_000], dtype="float32", rng=rng)
    x, y = rng.standard_normal((300, 1_024)).astype("float32"), rng.integers(0, 4_000, 300)
    _, out = layer.loss_and_gradients(x, y)
    sizes = [leaf.nbytes for leaf in leaves(out).values()]
    fresh, result = numpy_peak(lambda: layer.loss_and_gradients(x, y))
    beyond, kept = numpy_peak(lambda: layer.loss_and_gradients(x, y, out=out))
    python = 40_000                                     # frames, tuples, array headers
    assert python < min(sizes) and result >= sum(sizes)
    assert kept < python and beyond < fresh + python
