"""The stand-in for CuPy keeps its own rules: each is broken here, and seen to be refused."""
import copy

import numpy as np
import pytest
import strict_cupy as cp


def on_device(*values, dtype=None):
    return cp.asarray(list(values), dtype=dtype)


def test_an_array_does_not_turn_into_a_numpy_array_by_itself():
    a = on_device(1.0, 2.0)
    for implicit in (np.asarray, np.array, lambda v: np.array([v]), lambda v: cp.asarray([v])):
        with pytest.raises(TypeError, match="Implicit conversion|its own library"):
            implicit(a)


@pytest.mark.parametrize("host", [np.ones(2), [1.0, 2.0], np.float64(1), "1", None],
                         ids=["array", "list", "numpy scalar", "text", "None"])
def test_nothing_of_the_host_but_a_python_number_meets_an_array(host):
    a = on_device(1.0, 2.0)
    for mixed in (lambda: a + host, lambda: host * a, lambda: cp.add(a, host), lambda: a < host,
                  lambda: a.__setitem__(0, host), lambda: a.__iadd__(host), lambda: a == host):
        with pytest.raises(TypeError):
            mixed()


def test_python_numbers_meet_arrays_and_do_not_widen_them():
    a = on_device(1.0, dtype=np.float32)
    assert (2 * a + 1.5).dtype == np.float32 and (1j * a).dtype == np.complex64
    assert [float(v[0]) for v in (a - 1, 1 - a, -a, a / 2, a ** 2, 2 // a)] == [0, 0, -1, .5, 1, 2]


@pytest.mark.parametrize("call", [
    lambda a: np.exp(a), lambda a: np.concatenate([a, a]), lambda a: np.add.reduce(a),
    lambda a: np.where(a > 0, a, 0)], ids=["ufunc", "function", "reduce", "where"])
def test_a_numpy_function_on_an_array_is_refused(call):
    with pytest.raises(TypeError, match="its own library"):
        call(on_device(1.0))


@pytest.mark.parametrize("name", ["errstate", "longdouble", "nonsense", "vecdot", "__nothing__"])
def test_a_name_that_cupy_lacks_is_no_attribute(name):
    with pytest.raises(AttributeError, match="module 'cupy' has no attribute"):
        getattr(cp, name)


@pytest.mark.parametrize("name", ["setflags", "to_device", "nonsense"])
def test_a_method_that_cupy_lacks_is_no_attribute(name):
    with pytest.raises(AttributeError, match="'cupy.ndarray' object has no attribute"):
        getattr(on_device(1.0), name)


@pytest.mark.parametrize("name", ["put", "empty_like", "vectorize", "random", "linalg"])
def test_what_the_stand_in_does_not_model_says_so(name):
    with pytest.raises(NotImplementedError):
        getattr(cp, name)


@pytest.mark.parametrize("call", [
    lambda a: cp.exp(a, where=a > 0), lambda a: a.sum(initial=0.0), lambda a: a.max(where=a > 0),
    lambda a: cp.argsort(a, order=None), lambda a: cp.zeros(3, like=a),
    lambda a: a.sum(0, 1, 2, 3, 4),
    lambda a: cp.take_along_axis(a, cp.arange(1)), lambda a: a.astype("f4", casting="safe"),
    lambda a: cp.matmul(a, a, where=True), lambda a: a.max(0, None, False, 1)])
def test_a_keyword_or_parameter_that_cupy_lacks_is_refused(call):
    with pytest.raises(TypeError):
        call(on_device(1.0))


def test_an_array_is_no_index_of_a_python_sequence_and_no_size():
    n = cp.arange(3)[2]
    a = cp.arange(5)
    for call in (lambda: range(n), lambda: [1, 2, 3][n], lambda: cp.zeros(n),
                 lambda: cp.zeros((n, 2)), lambda: a[n:], lambda: a[:n], lambda: cp.arange(n),
                 lambda: a.reshape(n, -1), lambda: a.sum(n)):
        with pytest.raises(TypeError):
            call()
    assert int(a[n]) == 2                   # but as an index of its own kind it serves


def test_integers_out_of_range_wrap_around_in_an_index_array():
    a = cp.arange(3)
    assert a[on_device(1, 3, -4)].tolist() == [1, 0, 2]                 # CuPy's own example
    a[on_device(1, 3)] = 10
    assert a.tolist() == [10, 10, 2]
    table = cp.arange(6).reshape(2, 3)
    assert table[on_device(0, 2), on_device(1, 5)].tolist() == [1, 2]
    assert table[..., on_device(3)].tolist() == [[0], [3]]
    assert table[None, on_device(2)].shape == (1, 1, 3)
    fours = cp.zeros((2, 1), int) + 4
    assert cp.take_along_axis(table, fours, 1).tolist() == [[1], [4]]
    assert cp.take_along_axis(table, on_device(7), None).tolist() == [1]


def test_a_python_integer_out_of_range_raises():
    for call in (lambda: cp.arange(3)[3], lambda: cp.zeros((2, 0))[:, on_device(0)],
                 lambda: cp.arange(3)[on_device(0), on_device(0)],
                 lambda: cp.arange(3)[on_device(0.5)],
                 lambda: cp.take_along_axis(cp.zeros((2, 0)), cp.zeros((2, 1), int), 1),
                 lambda: cp.take_along_axis(cp.zeros((2, 1)), cp.zeros((2, 1)), 1)):
        with pytest.raises(IndexError):
            call()
    with pytest.raises(ValueError, match="same number of dimensions"):
        cp.take_along_axis(cp.zeros((2, 1)), cp.arange(2), 1)


def test_a_place_named_twice_in_an_assignment_raises():
    a = cp.zeros(4)
    for index in (on_device(1, 1), on_device(0, 4), on_device(-1, 3)):
        with pytest.raises(cp.RepeatedIndex):
            a[index] = 1.0
        with pytest.raises(cp.RepeatedIndex):
            a[index] += 1.0
    table = cp.zeros((2, 2))
    with pytest.raises(cp.RepeatedIndex):
        table[on_device(0, 0), on_device(1, 1)] = 1
    table[on_device(0, 0), on_device(0, 1)] = on_device(1.0, 2.0)
    table[on_device(1)] = 3.0
    table[0, :1] = 7
    table[table > 6] = 8
    assert table.tolist() == [[8, 2], [3, 3]]


def test_an_index_of_the_host_is_refused():
    for index in ([0, 1], np.array([0]), (0, np.array([0])), True, 1.0):
        with pytest.raises(TypeError, match="does not live on the device"):
            cp.zeros((2, 2))[index]


def test_memory_that_nobody_wrote_shows():
    assert bool(cp.isnan(cp.empty(3)).all()) and bool(cp.isnan(cp.empty(1, np.complex64).imag[0]))
    assert cp.empty((1, 2), dtype=np.int64).tolist() == [[-2 ** 63, -2 ** 63]]
    assert cp.empty(1, np.uint8).tolist() == [255] and cp.empty(1, bool).tolist() == [True]


def test_only_add_and_multiply_reduce():
    a = on_device(2.0, 3.0)
    assert float(cp.add.reduce(a)) == 5 and float(cp.multiply.reduce(a)) == 6
    with pytest.raises(NotImplementedError, match="cupy_maximum.reduce"):
        cp.maximum.reduce(a)
    for method in ("at", "accumulate", "reduceat", "outer"):
        with pytest.raises(NotImplementedError):
            getattr(cp.add, method)


def test_a_reduction_and_an_element_are_arrays_of_no_dimension():
    a = cp.arange(3)
    for value in (a.sum(), a[0], a.max(), cp.exp(a)[()][1], a.reshape(1, 3)[0, 0]):
        assert isinstance(value, cp.ndarray) and value.shape == ()
    with pytest.raises(TypeError, match="0-d"):
        iter(a[0])
    assert [int(v) for v in a] == [0, 1, 2] and len(a) == 3


def test_a_slice_is_a_view_and_an_upload_is_a_copy():
    host = np.zeros(3)
    a = cp.asarray(host)
    a[1:][0] = 5
    assert a.tolist() == [0, 5, 0] and host[1] == 0
    assert cp.asarray(a) is a and cp.array(a) is not a
    assert copy.copy(a) is not a and copy.deepcopy(a).tolist() == [0, 5, 0]
    assert a.astype(np.float64, copy=False) is a and cp.asarray(a, dtype="f4").dtype == np.float32
    assert cp.asarray(np.arange(3, dtype=">i4")).dtype.isnative


def test_sorting_is_stable_and_search_wants_arrays_in_order():
    a = on_device(1, 0, 1, 0)
    assert cp.argsort(a).tolist() == cp.argsort(a, kind="stable").tolist() == [1, 3, 0, 2]
    assert cp.sort(a).tolist() == [0, 0, 1, 1]
    a.sort(kind="stable")
    for call in (lambda: cp.argsort(a, kind="quicksort"), lambda: a.argsort(kind="heapsort")):
        with pytest.raises(ValueError, match="kind can only be None or 'stable'"):
            call()
    assert cp.searchsorted(a, on_device(1), side="right").tolist() == [4]
    assert int(cp.searchsorted(a, 1)) == 2 == int(cp.searchsorted(a, 1, sorter=cp.arange(4)))
    for first, second in (([0, 1], a), (a, [1])):
        with pytest.raises(NotImplementedError):
            cp.searchsorted(first, second)
    with pytest.raises(ValueError, match="not ascending"):
        cp.searchsorted(on_device(2, 1), a)
    with pytest.raises(ValueError, match="too deep"):
        cp.searchsorted(a.reshape(2, 2), a)


def test_where_chooses_between_arrays_and_numbers_of_the_device():
    a = on_device(1.0, -1.0)
    assert cp.where(a > 0, a, 0).tolist() == [1, 0]
    with pytest.raises(AttributeError, match="astype"):
        cp.where([True, False], a, 0)
    with pytest.raises(ValueError, match="both"):
        cp.where(a > 0, a)


def test_joining_takes_arrays_of_the_device_alone():
    a = on_device(1.0)
    assert cp.concatenate([a, a]).tolist() == [1, 1] and cp.stack([a, a], axis=1).shape == (1, 2)
    for wrong, error in (([a, np.ones(1)], TypeError), ([a, [1.0]], TypeError), ([], ValueError)):
        with pytest.raises(error):
            cp.concatenate(wrong)
    with pytest.raises(TypeError):
        cp.cumsum([1.0])


def test_long_doubles_and_objects_are_unsupported():
    for value in (np.zeros(1, np.longdouble), np.array([None]), "text"):
        with pytest.raises(ValueError, match="Unsupported dtype"):
            cp.asarray(value)
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cp.zeros(3, dtype=np.longdouble)
    with pytest.raises(TypeError, match="made by"):
        cp.ndarray((3,))


def test_floating_point_events_are_silent():
    zero = cp.asarray(0.0)
    assert bool(cp.isnan(zero / zero)) and float(1 / zero) == np.inf


def test_complex_numbers_have_no_expm1_and_no_log1p_on_a_device():
    z = on_device(1j)
    for call in (lambda: cp.expm1(z), lambda: cp.log1p(z), lambda: cp.arctan2(z, 1)):
        with pytest.raises(TypeError, match="does not compile"):
            call()
    assert cp.exp(z).dtype == np.complex128 and cp.expm1(z.real).tolist() == [0]


def test_out_is_written_and_answered():
    a, b, out = cp.arange(4.0).reshape(2, 2), cp.ones((2, 2)), cp.empty((2, 2))
    assert cp.matmul(a, b, out=out) is out and out.tolist() == [[1, 1], [5, 5]]
    assert cp.exp(cp.zeros((2, 2)), out=out) is out and float(out.sum()) == 4
    with pytest.raises(TypeError):
        cp.exp(a, out=np.empty((2, 2)))
    assert cp.matmul(a, b).tolist() == (a @ b).tolist()
    a @= b if hasattr(cp.ndarray, "__imatmul__") else b         # CuPy has no in-place product
    assert a.tolist() == [[1, 1], [5, 5]]


def test_methods_take_what_cupys_take():
    a = cp.arange(4.0)
    a.fill(cp.asarray(2.0))
    assert float(a.dot(a)) == 16 and a.ravel().tolist() == [2, 2, 2, 2]
    with pytest.raises(NotImplementedError, match="wrap around"):
        a.take(cp.arange(1))
    with pytest.raises(TypeError):
        a.fill(np.ones(1))


def test_the_module_of_an_array_is_found():
    assert cp.get_array_module(cp.arange(1)) is cp and cp.get_array_module(np.arange(1)) is np
    assert cp.float64 is np.float64 and cp.inf == np.inf and cp.newaxis is None
    assert cp.result_type(np.float32, np.float64) == np.float64


def test_of_several_nan_argmax_answers_the_last():
    nan = float("nan")
    a = cp.asarray([[1.0, nan, 2.0, nan], [3.0, 0.0, 3.0, 1.0], [nan] * 4])
    assert a.argmax(-1).tolist() == [3, 0, 3] == a.argmax(axis=1, keepdims=True).ravel().tolist()
    assert a[:2].argmax(0).tolist() == [1, 0, 1, 0] and a[:2].argmin(0).tolist() == [0, 0, 0, 0]
    assert int(a.argmax()) == 11 and int(a[:2].argmin()) == 3
    assert cp.zeros((0, 3)).argmax(-1).shape == (0,)


@pytest.mark.parametrize("call, name", [
    (bool, "bool"), (int, "int"), (float, "float"), (complex, "complex"), (repr, "repr"),
    (str, "repr"), (lambda a: f"{a:}", "repr"), (lambda a: a.item(), "item"),
    (lambda a: a.tolist(), "tolist"), (lambda a: a.get(), "get"), (cp.asnumpy, "get"),
    (lambda a: a.reshape(1)[a.reshape(1) > 0], "boolean index"),
    (lambda a: a.reshape(1).__setitem__(a.reshape(1) > 0, 1.0), "boolean index"),
    (lambda a: cp.nonzero(a.reshape(1)), "nonzero"), (lambda a: a.reshape(1).nonzero(), "nonzero"),
    (lambda a: cp.flatnonzero(a), "flatnonzero"), (lambda a: cp.unique(a), "unique"),
    (lambda a: cp.bincount(a.reshape(1).astype(int)), "bincount"),
    (lambda a: cp.where(a.reshape(1)), "where"), (lambda a: "x" if a > 0 else "y", "bool"),
    (lambda a: 1.0 in a.reshape(1), "bool"), (lambda a: max(a.reshape(1), default=0), None),
    (lambda a: cp.where(a > 0, a, 0), None), (lambda a: a + a, None), (lambda a: a.max(), None),
    (lambda a: cp.asarray(np.ones(3)), None), (lambda a: a.shape[0:0], None),
])
def test_what_makes_the_host_wait_is_counted(call, name):
    a = cp.asarray(1.0)
    with cp.count_syncs() as outer:
        with cp.count_syncs() as seen:
            call(a)
    assert seen == outer == ([name] if name else [])
    with cp.count_syncs() as none:
        pass
    assert none == []


def test_operators_agree_with_numpy_bit_for_bit():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 4)), rng.normal(size=(4,))
    a, b = cp.asarray(x), cp.asarray(y)
    for f in (lambda p, q: p + q, lambda p, q: 2 - p * q, lambda p, q: p / q, lambda p, q: p @ q,
              lambda p, q: abs(-p) // 1 % 2, lambda p, q: (p > q) & (p != 0) | ~(p < q) ^ (p >= q),
              lambda p, q: p.T[1:, ::2], lambda p, q: p.argmax(-1), lambda p, q: +p.cumsum(axis=-1),
              lambda p, q: p[None, :, 1], lambda p, q: p.reshape(2, 6).sum(0),
              lambda p, q: (p <= q).any()):
        want, got = f(x, y), cp.asnumpy(f(a, b))
        assert got.dtype == want.dtype and got.tobytes() == np.asarray(want).tobytes()
