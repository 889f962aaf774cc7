"""Every array call of the package is one that CuPy has; only `arrays.py` knows that it exists."""
import ast
import inspect
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import record_cupy_surface
import strict_cupy
from strict_cupy.static import HOST, problems

import npadasoft
from npadasoft import AdaptiveLogSoftmaxWithLoss, arrays

PACKAGE = Path(npadasoft.__file__).parent
GENERIC = ("adaptive", "checks", "cutoffs", "functional", "fused", "parameters", "search",
           "state", "tangents", "adaptive_input", "tying")
MORE_HOST = {"arrays": {"array", "asarray"}, "cutoffs": {"ndim"}}   # conversion; reading cutoffs
SURFACE = json.loads(record_cupy_surface.SURFACE.read_text())


@pytest.mark.parametrize("module", [*GENERIC, "arrays"])
def test_every_array_call_is_one_that_cupy_has(module):
    source = (PACKAGE / f"{module}.py").read_text()
    methods = arrays.METHODS | ({"tolist"} if module == "arrays" else set())
    functions = arrays.FUNCTIONS | ({"asnumpy"} if module == "arrays" else set())
    found = problems(source, functions, methods, HOST | MORE_HOST.get(module, set()))
    if module == "arrays":                              # gpu_library, for who asks for it by name
        found = [problem for problem in found if not problem.endswith("cupy is imported")]
    assert not found, "\n".join(found)


def test_the_vocabulary_is_recorded_from_cupy_and_modelled_by_the_stand_in():
    assert not arrays.FUNCTIONS - set(SURFACE["functions"])
    assert not arrays.METHODS - set(SURFACE["methods"])
    one = strict_cupy.asarray(1.0)
    for name in arrays.FUNCTIONS:
        assert getattr(strict_cupy, name) is not None
    for name in arrays.METHODS:
        assert getattr(one, name) is not None


def test_the_vocabulary_is_no_larger_than_its_use():
    sources = [ast.parse((PACKAGE / f"{module}.py").read_text()) for module in (*GENERIC, "arrays")]
    used = {node.attr for tree in sources for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)}
    assert sorted((arrays.FUNCTIONS | arrays.METHODS) - used) == []


@pytest.mark.parametrize("line, complaint", [
    ("np.exp(x)", "np.exp has no place"), ("from numpy import exp", "another name"),
    ("import numpy", "another name"), ("import cupy as xp", "imported"),
    ("from cupyx import errstate", "imported"), ("xp.vecdot(x, x)", "not in CuPy"),
    ("xp.tanh(x)", "vocabulary"), ("xp.exp(x, where=x)", "no keyword where"),
    ("xp.argsort(x, stable=True)", "stable"), ("xp.take_along_axis(x, i)", "axis"),
    ("array_namespace(x).zeros(3, like=x)", "like"), ("x.sum(initial=0)", "initial"),
    ("x.max(where=x)", "where"), ("xp.maximum.reduce(x)", "reduce"), ("xp.add.at(x, i, 1)", "at"),
    ("x.setflags(write=False)", "not in CuPy"), ("x.dot(y)", "vocabulary"),
    ("with xp.errstate(all='ignore'): pass", "not in CuPy"), ("x.tolist()", "vocabulary"),
])
def test_the_static_check_sees(line, complaint):
    assert any(complaint in found for found in problems(line, arrays.FUNCTIONS, arrays.METHODS))


@pytest.mark.parametrize("line", [
    "xp.exp(x, out=x)", "np.dtype('f4')", "copy.copy(x)", "x.dtype.itemsize", "d.items()",
    "self.f(*x)",
    "xp.zeros(*x, **y)", "x.sum(-1)", "operator.index(x)", "np.random.default_rng(rng)", "f(x)",
    "xp.matmul(x, x, out=y)", "import numpy as np", "'cupy'.join(x)"])
def test_the_static_check_lets_pass(line):
    assert problems(line, arrays.FUNCTIONS, arrays.METHODS) == []


def _code_words(source):
    """Identifiers, and text without a blank: docstrings, comments, messages may name anything."""
    tree = ast.parse(source)
    prose = {id(node.body[0].value) for node in ast.walk(tree)
             if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body
             and isinstance(node.body[0], ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in prose:
            continue
        for field in ("id", "attr", "name", "module", "value"):
            word = getattr(node, field, None)
            if isinstance(word, str) and " " not in word:
                yield word


def test_no_module_but_arrays_names_cupy():
    naming = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")
              if any("cupy" in word.lower() for word in _code_words(path.read_text()))}
    assert naming == {"arrays.py"}


def test_someone_who_brings_numpy_arrays_never_imports_cupy(tmp_path):
    (tmp_path / "cupy.py").write_text("raise SystemExit('cupy was imported')")
    code = """
        import sys, numpy as np, npadasoft
        layer = npadasoft.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4], 2.0, rng=0)
        x, y = np.ones((2, 4)), np.array([0, 5])
        layer.loss_and_gradients(x, y), layer.predict(x), layer.topk(x, 2), layer.sample(x, 0)
        layer.load_state_dict(layer.state_dict())
        assert 'cupy' not in sys.modules"""
    paths = [str(tmp_path), str(PACKAGE.parent), *sys.path]
    run = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n"
                          + textwrap.dedent(code)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.fixture
def layer(monkeypatch):
    monkeypatch.setitem(arrays._LIBRARIES, "strict_cupy", "ndarray")
    return AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4], 2.0, rng=0)


def test_mixing_two_libraries_raises_and_names_both(layer):
    x, y = np.ones((2, 4)), np.array([0, 5])
    device_x, device_y = strict_cupy.asarray(x), strict_cupy.asarray(y)
    (_, _), cache = layer.forward(x, y)
    on_device = layer.with_parameters(layer.parameters.map(strict_cupy.asarray))
    half = dict(layer.parameters.items())
    half["head.weight"] = strict_cupy.asarray(half["head.weight"])
    for call in (lambda: layer.forward(x, device_y), lambda: layer.forward(device_x, y),
                 lambda: layer.forward(device_x, device_y), lambda: on_device.forward(x, y),
                 lambda: layer.log_prob(device_x), lambda: on_device.predict(x),
                 lambda: layer.topk(device_x, 1), lambda: on_device.sample(x, 0),
                 lambda: on_device.loss_and_gradients(device_x, y),
                 lambda: layer.backward(cache, grad_output=strict_cupy.zeros(2)),
                 lambda: layer.backward(cache, grad_loss=strict_cupy.asarray(1.0)),
                 lambda: on_device.log_prob_backward(device_x, np.ones((2, 6))),
                 lambda: layer.with_parameters(type(layer.parameters).from_items(half)),
                 lambda: layer.load_state_dict(on_device.state_dict()),
                 lambda: on_device.load_state_dict(half),
                 lambda: AdaptiveLogSoftmaxWithLoss.from_state_dict(half)):
        with pytest.raises(TypeError, match="numpy and strict_cupy"):
            call()


class Tensor:
    """Like an array of a library that nobody supports: it has a device."""

    device = "cpu"


def test_arrays_of_an_unknown_library_are_refused_by_name(layer):
    for call in (lambda: layer.forward(Tensor(), np.array([0])), lambda: layer.predict(Tensor()),
                 lambda: layer.forward(np.ones((1, 4)), Tensor())):
        with pytest.raises(TypeError, match="Tensor is not an array of NumPy or CuPy"):
            call()


def test_a_pytorch_tensor_is_refused_by_name(layer):
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="torch.Tensor is not an array of NumPy or CuPy"):
        layer.predict(torch.ones(2, 4))


# ---- the recorder

class FakeCupy:
    """As much of CuPy as the recorder looks at."""

    __version__ = "0"

    class ndarray:
        def sum(self, axis=None):
            """Sums."""

        def tolist(self, flat: bool = False, *, kind=print):
            """May synchronize the device."""

    class exp:
        nin = 1

        def __call__(self, x, out=None, dtype=None, **wrong):
            if wrong:
                raise TypeError(f"Wrong arguments {wrong}")
            if out is None:
                raise RuntimeError("no device")
            raise TypeError("not a device array")

    exp = exp()
    float64 = float
    pi = 3.0

    @staticmethod
    def argsort(a, axis=-1):
        """Waits: it must synchronize."""

    @staticmethod
    def asnumpy(a):
        pass


def test_the_recorder_reads_signatures_keywords_and_waits(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "cupy", FakeCupy())
    file = tmp_path / "surface.json"
    monkeypatch.setattr(record_cupy_surface, "SURFACE", file)
    assert record_cupy_surface.main([]) == 0 == record_cupy_surface.main(["--check"])
    seen = json.loads(file.read_text())
    assert seen["functions"]["argsort"] == {
        "kind": "function", "signature": "(a, axis=-1)", "synchronises": True,
        "numpy_only": sorted(set(inspect.signature(np.argsort).parameters) - {"a", "axis"})}
    assert seen["functions"]["exp"]["keywords"] == ["out", "dtype"]
    assert "where" in seen["functions"]["exp"]["numpy_only"]
    assert seen["functions"]["float64"] == {"kind": "type"}
    assert seen["functions"]["pi"] == {"kind": "attribute"}
    assert seen["methods"]["tolist"]["signature"] == "(flat=False, *, kind=None)"
    assert "initial" in seen["methods"]["sum"]["numpy_only"]
    assert "setflags" in seen["missing_methods"] and "cumsum" in seen["missing_functions"]
    assert seen["extra_functions"] == {"asnumpy": "(a)"}
    file.write_text(file.read_text().replace("axis=-1", "axis=0"))
    assert record_cupy_surface.main(["--check"]) == 1
    assert '-   "argsort"' in capsys.readouterr().out


def test_a_cython_docstring_gives_a_signature():
    def method():
        """_ndarray_base.sum(self, axis=None, int n=0, *rest) -> _ndarray_base"""
    builtin = type("B", (), {"__doc__": method.__doc__, "__call__": None})()
    assert record_cupy_surface.signature_of(builtin, "sum") == "(axis=None, n=0, *rest)"
    assert record_cupy_surface.signature_of(object(), "sum") is None


def test_the_recorded_surface_is_that_of_the_installed_cupy(capsys):
    cupy = pytest.importorskip("cupy")
    if (cupy.__version__, np.__version__) != (SURFACE["cupy"], SURFACE["numpy"]):
        pytest.skip(f"recorded from CuPy {SURFACE['cupy']} beside NumPy {SURFACE['numpy']}")
    assert record_cupy_surface.main(["--check"]) == 0, capsys.readouterr().out
