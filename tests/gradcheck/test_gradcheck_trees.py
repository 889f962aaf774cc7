"""How parameters travel: every kind of tree, and the caller's arrays left exactly as they were."""
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from npadasoft import AdaptiveLogSoftmaxWithLoss, gradcheck
from npadasoft.gradcheck import tree

Pair = namedtuple("Pair", "left right")


@dataclass(frozen=True)
class Frozen:
    weight: np.ndarray
    bias: float
    size: int = 3


@dataclass
class Open:
    items_: list


def A():
    return np.array([1.0, 2.0])


TREES = {
    "array": A(), "float": 0.5, "scalar": np.float64(0.5), "0-d": np.array(0.5),
    "dict": {"a": A(), "b": {"c": 2.0, 3: A()}}, "ordered": OrderedDict(a=A()),
    "list": [A(), [1.5, A()]], "tuple": (A(), 3, "constant", None, True), "pair": Pair(A(), (A(),)),
    "frozen": Frozen(A(), 2.0), "open": Open([A(), Frozen(A(), 1.0)]),
    "proxy": MappingProxyType({"a": A()}), "float32": A().astype(np.float32),
    "F order": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "strided": np.arange(8.0)[::2],
    "integers": {"a": A(), "index": np.arange(3)}, "longdouble": A().astype(np.longdouble),
    "ours": AdaptiveLogSoftmaxWithLoss(3, 6, [2, 4], div_value=1.0, head_bias=True,
                                       rng=0).parameters,
}


def leaves(params):
    return {path: node for path, node in tree.ends(params).items() if tree.is_leaf(path, node)}


def cubes(params):
    """sum of x³ over all leaves: works on any tree, complex too."""
    return sum(np.sum(np.asarray(node) ** 3) for path, node in tree.ends(params).items()
               if np.asarray(node).dtype.kind in "fc")


def squares(params):
    return {path: np.asarray(3 * np.asarray(node) ** 2) for path, node in leaves(params).items()}


def snapshot(params):
    return [(path, id(node), node.tobytes(), node.flags.writeable, node.flags.c_contiguous,
             node.strides) if isinstance(node, np.ndarray) else (path, id(node))
            for path, node in tree.ends(params).items()]


@pytest.mark.parametrize("name", TREES)
def test_every_kind_of_tree_passes_and_is_left_as_it_was(name):
    params = TREES[name]
    before = snapshot(params)
    kinds = []

    def f(p):
        assert type(p) is type(params) or isinstance(p, dict) or np.iscomplexobj(p)
        kinds.append([type(node) for node in tree.ends(p).values()])
        return cubes(p)

    report = gradcheck.check(f, params, squares)
    assert report.verdict == "PASS", str(report)
    assert [t.path for t in report.tensors] == list(leaves(params))
    assert kinds[0] == [type(node) for node in tree.ends(params).values()]
    assert snapshot(params) == before
    wrong = gradcheck.check(f, params, lambda p: {k: 2 * v for k, v in squares(p).items()})
    assert wrong.verdict == "FAIL" and snapshot(params) == before


def raising(when):
    calls = iter(range(10_000))

    def f(p):
        if next(calls) >= when:
            raise RuntimeError("broken")
        return cubes(p)
    return f


@pytest.mark.parametrize("when", [0, 1])
def test_an_exception_at_the_point_leaves_the_arrays_as_they_were_and_names_the_phase(when):
    params = TREES["dict"]
    before = snapshot(params)
    with pytest.raises(RuntimeError, match="broken") as caught:
        gradcheck.check(raising(when), params, squares)
    assert "f at" in caught.value.__notes__[0]
    assert snapshot(params) == before


@pytest.mark.parametrize("when", [2, 30])
def test_an_exception_at_a_displaced_point_is_noted_and_no_pass(when):
    params = TREES["dict"]
    before = snapshot(params)
    report = gradcheck.check(raising(when), params, squares)
    assert report.verdict == "NONFINITE"
    assert "f raised RuntimeError: broken" in report.notes[0]
    assert snapshot(params) == before


def test_leaves_are_copies_that_cannot_be_written():
    x = A()

    def f(p):
        assert not np.shares_memory(p, x) and not p.flags.writeable
        return cubes(p)
    assert gradcheck.check(f, x, squares).ok


def test_gradients_may_come_in_any_tree_with_the_same_paths():
    params = TREES["ours"]
    right = squares(params)
    for grads in (right, lambda p: right, params.map(lambda w: 3 * w ** 2)):
        assert gradcheck.check(cubes, params, grads).verdict == "PASS"


def test_only_the_wanted_paths_are_checked():
    params = TREES["ours"]
    report = gradcheck.check(cubes, params, squares, wrt=["tail.*.1.weight", "head.bias"])
    assert [t.path for t in report.tensors] == ["head.bias", "tail.0.1.weight", "tail.1.1.weight"]


def test_leaves_that_share_memory_are_noted():
    a = np.arange(4.0)
    report = gradcheck.check(cubes, {"a": a, "b": a[1:]}, squares)
    assert report.notes == ["a and b share memory"]


class Badly:
    """Names its leaves in one order and maps them in another."""

    def __init__(self, arrays):
        self.arrays = arrays

    def items(self):
        return self.arrays.items()

    def map(self, function):
        return Badly({k: function(v) for k, v in reversed(self.arrays.items())})


class Metres(np.ndarray):
    """A unit, say."""


class Thing:
    """No array, whatever it holds."""


class Foreign:
    def __array__(self, dtype=None, copy=None):
        return np.ones(2)


USAGE = {
    "complex leaf": (lambda: ((cubes, A() + 0j), {"jacobian": squares}),
                     "real leaf, got complex128"),
    "python complex": (lambda: ((cubes, 1j), {"jacobian": squares}), "real leaf, got complex"),
    "foreign leaf": (lambda: ((cubes, {"a": Foreign()}, squares), {}), "detach"),
    "two leaves of one path": (lambda: ((cubes, {"a.b": A(), "a": {"b": A()}}, squares), {}),
                               "a.b: two leaves"),
    "no such path": (lambda: ((cubes, {"a": A()}, squares), {"wrt": "b.*"}), "the leaves are a"),
    "missing gradient":
        (lambda: ((cubes, {"a": A(), "b": A()}, {"a": A()}), {}), "b: expected .* got nothing"),
    "integers with a gradient": (lambda: ((cubes, {"a": A(), "b": np.arange(3)},
                                           {"a": A(), "b": np.ones(3)}), {}), "b: .* int64"),
    "an integer with a gradient": (lambda: ((cubes, {"a": A(), "b": 3}, {"a": A(), "b": 2.0}), {}),
                                   "b: .* int, which is no leaf"),
    "zeros for integers": (lambda: ((cubes, {"a": A(), "b": np.arange(3)},
                                     {"a": A(), "b": np.zeros(3, int)}), {}), "b: .* int64"),
    "an object with a gradient": (lambda: ((cubes, {"a": A(), "b": Thing()},
                                            {"a": A(), "b": Thing()}), {}), "b: .* Thing"),
    "integers with a jacobian": (lambda: ((lambda p: p["a"], {"a": A(), "b": np.arange(3)}), {
        "jacobian": lambda p: {"a": np.eye(2), "b": np.ones((2, 3))}}), "jacobian: b: .* int64"),
    "an array of objects": (lambda: ((cubes, {"a": A(), "b": np.array([1.0], object)},
                                      {"a": A(), "b": np.ones(1)}), {}), "b: .* object"),
    "a masked array": (lambda: ((cubes, np.ma.masked_array(A(), [0, 1]), squares), {}),
                       "MaskedArray"),
    "a subclass": (lambda: ((cubes, A().view(Metres), squares), {}), "Metres"),
    "a list for a bare array": (lambda: ((cubes, A(), [A()]), {}), "expected one array"),
    "a pair for a bare array": (lambda: ((cubes, A(), lambda p: (1.0, p)), {}),
                                "expected one array .* tuple of 2"),
    "shape (1,) for a loss": (lambda: ((lambda x: np.array([x.sum()]), A(), squares), {}),
                              r"shape \(1,\), so grads is called with a cotangent"),
    "a tuple for a loss":
        (lambda: ((lambda x: (x.sum(), 1), A(), squares), {}), "f returns a tuple"),
    "a number for an array": (lambda: ((cubes, A(), lambda x, c: x), {}), "without a cotangent"),
    "extra gradient": (lambda: ((cubes, {"a": A()}, {"a": A(), "b": A()}), {}), "b is no path"),
    "wrong shape":
        (lambda: ((cubes, A(), np.ones(3)), {}), r"shape \(2,\), got float64 of shape \(3,\)"),
    "foreign gradient": (lambda: ((cubes, A(), lambda p: Foreign()), {}), "x: expected a NumPy"),
    "foreign output": (lambda: ((lambda p: Foreign(), A(), squares), {}), "f: output .*detach"),
    "complex output": (lambda: ((lambda p: 1j * cubes(p), A(), squares), {}), "a real value"),
    "complex gradient": (lambda: ((cubes, A(), A() + 0j), {}), "a real gradient"),
    "no floating output":
        (lambda: ((lambda p: np.arange(3), A(), squares), {}), "none of its outputs"),
    "output that changes its shape":
        (lambda: ((changing(), A(), squares), {}), "expected a scalar"),
    "cotangent of a scalar": (lambda: ((cubes, A(), squares), {"cotangent": A()}), "no cotangent"),
    "cotangent of another tree":
        (lambda: ((lambda p: p, A(), squares), {"cotangent": [A()]}), "cotangent: expected"),
    "cotangent of another shape":
        (lambda: ((lambda p: p, A(), squares), {"cotangent": np.ones(3)}), "expected shape"),
    "f no callable": (lambda: ((3.0, A(), squares), {}), "f: expected a callable"),
    "method": (lambda: ((cubes, A(), squares), {"method": "forward"}), "auto, complex, richardson"),
    "complex refused":
        (lambda: ((refusing, A(), squares), {"method": "complex"}), "takes no complex x"),
    "order": (lambda: ((cubes, A(), squares), {"order": 3}), "one of 1, 2, got 3"),
    "order of arrays": (lambda: ((cubes, A(), A()), {"order": 2}), "callable"),
    "hvp without order": (lambda: ((cubes, A(), squares), {"hvp": cubes}), "order=2"),
    "probes": (lambda: ((cubes, A(), squares), {"probes": 0}), "at least 1, got 0"),
    "max_elements": (lambda: ((cubes, A(), squares), {"max_elements": 1.5}), "an integer"),
    "badly mapped": (lambda: ((cubes, Badly({"a": A(), "b": A()}), squares), {}), "order of items"),
}


def changing():
    calls = iter([1.0, np.ones(3)])
    return lambda p: next(calls)


def refusing(p):
    if np.iscomplexobj(p):
        raise TypeError("real numbers only")
    return cubes(p)


@pytest.mark.parametrize("name", USAGE)
def test_an_ill_posed_question_names_path_expected_and_got(name):
    make, words = USAGE[name]
    args, options = make()
    with pytest.raises(gradcheck.GradcheckUsage, match=words):
        gradcheck.check(*args, **options)


def test_a_function_that_refuses_complex_numbers_is_checked_by_richardson():
    report = gradcheck.check(refusing, A(), squares)
    assert report.verdict == "PASS" and report.method == "richardson"
    assert "real numbers only" in report.notes[0]


# ---------------------------------------------------------------- bound

class Model:
    scale = np.array([2.0])

    def __init__(self):
        self.weight = A()
        self.parts = {"k": [A(), SimpleNamespace(bias=np.array([0.5]))]}
        self.frozen = Frozen(A(), 2.0)

    def loss(self):
        return (np.sum(self.weight ** 2) * self.scale[0] + np.sum(self.parts["k"][0] ** 3)
                + self.parts["k"][1].bias[0] ** 2 + np.sum(self.frozen.weight ** 2))


NAMES = ["weight", "scale", "parts.k.0", "parts.k.1.bias", "frozen.weight"]


def model_grads(p):
    return {"weight": 2 * p["weight"] * p["scale"], "scale": np.array([np.sum(p["weight"] ** 2)]),
            "parts.k.0": 3 * p["parts.k.0"] ** 2, "parts.k.1.bias": 2 * p["parts.k.1.bias"],
            "frozen.weight": 2 * p["frozen.weight"]}


def test_an_object_is_checked_by_rebinding_and_gets_its_very_own_arrays_back():
    model = Model()
    held = [model.weight, model.parts["k"][0], model.parts["k"][1].bias, model.frozen.weight]
    bits = [array.tobytes() for array in held]
    params, f = gradcheck.bound(model, NAMES, model.loss)
    assert gradcheck.check(f, params, model_grads).verdict == "PASS"
    now = [model.weight, model.parts["k"][0], model.parts["k"][1].bias, model.frozen.weight]
    assert all(a is b for a, b in zip(held, now)) and bits == [a.tobytes() for a in now]
    assert "scale" not in vars(model)


def test_bound_restores_after_an_exception():
    model = Model()
    weight = model.weight
    params, f = gradcheck.bound(model, "weight", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        f({"weight": np.zeros(2)})
    assert model.weight is weight


def test_bound_names_what_it_cannot_find_or_rebind():
    with pytest.raises(gradcheck.GradcheckUsage, match="nowhere"):
        gradcheck.bound(Model(), ["nowhere"], None)
    with pytest.raises(gradcheck.GradcheckUsage, match="a tuple cannot be rebound"):
        gradcheck.bound(SimpleNamespace(parts=(A(),)), ["parts.0"], None)
