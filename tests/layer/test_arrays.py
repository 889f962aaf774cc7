"""Which library owns the arrays, and their number types."""
import sys
from types import ModuleType

import numpy as np
import pytest
from contract import refuses

from npadasoft import arrays
from npadasoft.arrays import (array_namespace, as_array, epsilon, from_foreign, is_floating,
                              result_type, rounded, to_host, to_numpy, working_type)


class Other:
    """An array of another library."""

    device, dtype = "gpu", np.dtype(float)

    def __init__(self, values=()):
        self.values = values


@pytest.fixture
def other(monkeypatch):
    """A second library, registered as the tests of CuPy register theirs."""
    module = ModuleType("other")
    module.ndarray, module.asarray = Other, Other
    module.asnumpy = lambda array: np.array(array.values)
    monkeypatch.setitem(sys.modules, "other", module)
    monkeypatch.setitem(arrays._LIBRARIES, "other", "ndarray")
    return module


@pytest.mark.parametrize("values", [(), ([1.0],), (1, 2.0, None), (np.ones(2),), (np.float32(1),),
                                    (np.ones(2), [1.0], 3), (np.ma.masked_array([1]),)], ids=repr)
def test_without_another_library_the_namespace_is_numpy(values):
    assert array_namespace(*values) is np


def test_a_registered_library_owns_its_arrays(other):
    assert array_namespace(Other()) is other
    assert array_namespace(Other(), [1.0], 2.0, np.float64(3), Other()) is other


def test_arrays_of_two_libraries_in_one_call_are_refused(other):
    with refuses(TypeError, "arrays of numpy and other in one call: move them to one library"):
        array_namespace(np.ones(2), Other())


def test_a_registered_library_is_not_imported(monkeypatch):
    monkeypatch.setitem(arrays._LIBRARIES, "antigravity_of_arrays", "ndarray")
    assert array_namespace(np.ones(2)) is np and "antigravity_of_arrays" not in sys.modules
    assert "cupy" in arrays._LIBRARIES


def test_an_array_of_an_unknown_library_is_refused_by_its_type():
    with refuses(TypeError, f"{__name__}.Other is not an array of NumPy or CuPy; convert it first, "
                            "for example with numpy.asarray(...)"):
        array_namespace(Other())


def test_an_array_in_the_machines_byte_order_is_not_copied():
    array = np.ones(3)
    assert as_array(array, np) is array
    swapped = as_array(array.astype(array.dtype.newbyteorder("S")), np)
    assert swapped.dtype.isnative and (swapped == array).all()
    assert (as_array([1, 2], np) == np.array([1, 2])).all()


def test_values_are_made_arrays_of_the_library(other):
    assert type(as_array([1, 2], other)) is Other


def test_lists_and_scalars_go_where_the_arrays_are(other):
    assert [type(a) for a in from_foreign([1.0], Other(), np.float64(2))] == [Other] * 3
    with refuses(TypeError, "arrays of numpy and other in one call: move them to one library"):
        from_foreign(Other(), np.ones(1))


def test_to_numpy_copies_to_the_host(other):
    array = np.ones(3)
    copied = to_numpy(array)
    assert (copied == array).all() and not np.shares_memory(copied, array)
    assert (to_numpy(Other([1, 2])) == np.array([1, 2])).all()


def test_to_host_makes_python_ints():
    assert to_host(np.array([1, 2], dtype="uint8")) == [1, 2]
    assert all(type(value) is int for value in to_host(np.array([1, 2], dtype="uint8")))


@pytest.mark.parametrize("dtype, floating", [
    ("float16", True), ("longdouble", True), ("complex64", True), (">f4", True), ("int64", False),
    ("bool", False), ("object", False), ("U1", False), ("datetime64[s]", False)])
def test_floating_types_are_real_or_complex(dtype, floating):
    assert is_floating(dtype) == is_floating(np.dtype(dtype)) == floating


@pytest.mark.parametrize("dtype, like", [("complex64", "float32"), ("complex128", "float64"),
                                         (">f8", "float64"), ("float16", "float16"),
                                         ("clongdouble", "longdouble")])
def test_a_complex_type_has_the_epsilon_of_its_parts(dtype, like):
    assert epsilon(dtype) == np.finfo(like).eps


def test_result_types_are_native():
    assert result_type(">f4", "complex64") == np.complex64
    assert result_type(">f8").isnative and result_type(">f8", ">f4").isnative


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64"])
def test_float16_is_worked_on_in_float32_and_all_others_as_they_are(dtype):
    expected = np.dtype("float32" if dtype == "float16" else dtype)
    assert working_type(np.dtype(dtype)) == expected


@pytest.mark.parametrize("sign", [1, -1])
def test_what_float16_cannot_hold_is_rounded_to_infinity_without_a_warning(sign):
    edge = np.array([65504, 65519.99, 65520, 65525, 1e30, np.inf, np.nan, 1e-30, 0], "float32")
    edge *= sign
    with np.errstate(over="ignore"):
        expected = edge.astype("float16")
    found = rounded(edge, np.dtype("float16"))
    assert found.dtype == np.float16 and np.array_equal(found, expected, equal_nan=True)


def test_results_that_have_their_dtype_are_not_copied():
    array = np.ones(3)
    assert rounded(array, array.dtype) is array
    assert rounded(array, np.dtype("longdouble")).dtype == np.longdouble


def test_tensors_of_torch_on_the_cpu_become_arrays():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([1.5, 2.5], dtype=torch.float64, requires_grad=True)
    wide, narrow = from_foreign(tensor, tensor.to(torch.bfloat16))
    assert wide.dtype == np.float64 and (wide == [1.5, 2.5]).all()
    assert narrow.dtype == np.float32 and (narrow == [1.5, 2.5]).all()


def test_other_values_are_converted_as_in_any_call(monkeypatch):
    assert from_foreign() == [] and from_foreign([1, 2])[0].dtype == np.array([1]).dtype
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert (from_foreign(np.ones(2))[0] == 1).all()
    with pytest.raises(TypeError, match="is not an array of NumPy or CuPy"):
        from_foreign(Other())


def test_the_vocabulary_exists_in_numpy():
    assert all(hasattr(np, name) for name in arrays.FUNCTIONS)
    assert all(hasattr(np.ndarray, name) for name in arrays.METHODS)
