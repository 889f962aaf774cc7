"""What may come in, and the exact text of every refusal (the layer's own tests call them too)."""
import numpy as np
import pytest
from contract import refuses

from npadasoft import checks


def test_integers_of_any_shape_and_dtype_pass_unchanged():
    for dtype in ("int8", "uint64", "int32"):
        y = np.zeros((2, 3), dtype=dtype)
        assert checks.targets(y, np) is y
    assert checks.targets(3, np).shape == ()


@pytest.mark.parametrize("dtype", ["bool", "float16", "complex64", "object", "U1"])
def test_targets_of_another_kind_are_refused(dtype):
    y = np.zeros(3).astype(dtype)
    with refuses(TypeError, f"target should hold integers, but found {y.dtype}"):
        checks.targets(y, np)


@pytest.mark.parametrize("dtype, layer", [("float32", "float32"), ("complex64", "float32"),
                                          ("float64", "complex128"), (">f8", "float64")])
def test_floats_of_the_layers_epsilon_pass(dtype, layer):
    value = checks.floats("input", np.ones(2, dtype=dtype), np.dtype(layer), np)
    assert value.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("dtype, layer", [("float32", "float64"), ("float64", "complex64"),
                                          ("longdouble", "float64"), ("float16", "float32")])
def test_floats_of_another_epsilon_are_refused(dtype, layer):
    message = (f"weight is {np.dtype(dtype)} but the layer is {layer}: precisions are not mixed, "
               "convert one of them")
    with refuses(TypeError, message):
        checks.floats("weight", np.ones(2, dtype=dtype), np.dtype(layer), np)
    assert str(checks.mixed("weight", np.dtype(dtype), layer)) == message


def test_a_scalar_upstream_takes_the_precision_to_compute_in():
    for value in (2, 2.0, np.float64(2), np.longdouble(2), np.array(2), np.array(2.0)):
        for dtype, wide in (("float16", "float32"), ("float32", "float32"),
                            ("complex64", "complex64")):
            s = checks.upstream("grad_loss", value, "loss", (), np.dtype(dtype), np)
            assert s.dtype == np.dtype(wide) and s.shape == () and s == 2
    s = checks.upstream("grad_loss", 2j, "loss", (), np.dtype("float32"), np)
    assert s.dtype == np.complex64 and s == 2j


def test_an_upstream_of_the_shape_wanted_passes():
    for dtype, wide in (("float64", "float64"), ("float16", "float32")):
        value = np.arange(6).reshape(2, 3).astype(dtype)
        found = checks.upstream("g", value, "output", (2, 3), np.dtype(dtype), np)
        assert found.dtype == np.dtype(wide) and (found == value).all()


@pytest.mark.parametrize("value, shape", [
    (np.ones(3), (2,)), (np.ones(1), ()), (1.0, (2,)), (np.ones((2, 1)), (2,)), ([1.0, 2.0], (3,))])
def test_an_upstream_of_another_shape_is_refused(value, shape):
    with refuses(ValueError, f"Mismatch in shape: g has a shape of {np.shape(value)} "
                             f"and output has a shape of {shape}."):
        checks.upstream("g", value, "output", shape, np.dtype("float64"), np)


@pytest.mark.parametrize("value", [True, "1", None, np.array(False)], ids=repr)
def test_a_scalar_upstream_that_is_no_number_is_refused(value):
    with refuses(TypeError, "g should hold floating-point numbers, but found "
                            f"{np.asarray(value).dtype}"):
        checks.upstream("g", value, "loss", (), np.dtype("float64"), np)
