"""Mistakes planted in the layer's array code: right on NumPy, wrong on CuPy.  And harmless edits.

An edit is a module, a line's piece of it and what takes its place.  `generated` makes as many again
from the recorded differences between NumPy and CuPy: each keyword that only NumPy has, given its
neutral value in a real call of the package.
"""
import ast
import contextlib
import importlib
import importlib.abc
import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import npadasoft

PACKAGE = Path(npadasoft.__file__).parent
MODULES = ("adaptive", "checks", "cutoffs", "functional", "fused", "search", "state")
SURFACE = json.loads(Path(__file__).with_name("cupy_surface.json").read_text())


@dataclass(frozen=True)
class Edit:
    name: str
    module: str
    old: str
    new: str
    luck: bool = False          # NumPy's answer depends on what memory held

    def apply(self, source):
        """The module's source with the edit in its first place; numpy is at hand as np."""
        if self.old not in source:
            raise LookupError(f"{self.name}: {self.module}.py no longer has {self.old!r}")
        source = source.replace(self.old, self.new, 1)
        if "\nimport numpy as np" not in source:
            source = source.replace("\nfrom npadasoft", "\nimport numpy as np\nfrom npadasoft", 1)
        return source


BY_HAND = [
    Edit("np.arange makes a host index", "functional", "rows, top = xp.arange(",
         "rows, top = np.arange("),
    Edit("np.exp on data", "functional", "p = xp.exp(log_p)\n", "p = np.exp(log_p)\n"),
    Edit("np.log1p on data", "functional", "return xp.log1p(s)", "return np.log1p(s)"),
    Edit("np.negative on data", "functional", "= -grad * xp.expm1(",
         "= np.negative(grad) * xp.expm1("),
    Edit("a list as an index", "functional", "array_namespace(log_p).arange(log_p.shape[0])",
         "list(range(log_p.shape[0]))"),
    Edit("errstate", "functional", "exps = xp.exp(z)",
         "with xp.errstate(all='ignore'):\n        exps = xp.exp(z)"),
    Edit("a repeated index", "functional", "exps[rows, top] *= 0",
         "exps[xp.concatenate([rows, rows]), xp.concatenate([top, top])] *= 0"),
    Edit("searchsorted with a list", "cutoffs",
         "first = xp.asarray(cutoffs.values[:-1], dtype=xp.int64)",
         "first = list(cutoffs.values[:-1])"),
    Edit("np.searchsorted", "cutoffs", "xp.searchsorted(first, y", "np.searchsorted(first, y"),
    Edit("an unchecked index wraps", "cutoffs", "if ends and not 0 <=", "if False and not 0 <="),
    Edit("slices from a device array", "cutoffs", "return order, host[:n_groups + 1]",
         "return order, edges"),
    Edit("a sort of another kind", "cutoffs", 'xp.argsort(key, kind="stable")',
         'xp.argsort(key, kind="mergesort")'),
    Edit("flatnonzero waits", "cutoffs", "xp.sort(order[edges[0]:])",
         "xp.flatnonzero(tail > -2)"),
    Edit("a boolean index waits", "cutoffs", "tail = xp.where(kept, tail, -2)",
         "tail[~kept] = -2"),
    Edit("int() in a loop", "cutoffs", "xp.where(tail < 0, y,",
         "xp.where(xp.asarray([int(c) < 0 for c in tail], dtype=bool), y,"),
    Edit("arange of a 0-d array", "cutoffs", "xp.arange(n_groups + 1)",
         "xp.arange(xp.asarray(n_groups) + 1)"),
    Edit("np.asarray on data", "cutoffs", "y = target.astype(xp.int64)",
         "y = np.asarray(target).astype(xp.int64)"),
    Edit("range of a 0-d array", "search", "for r in range(cutoffs.n_clusters)",
         "for r in range(xp.asarray(cutoffs.n_clusters))"),
    Edit("the truth of an array", "search", "order, edges, _ = group(wanted, cutoffs.n_clusters)",
         "if not (wanted >= 0).any():\n            return\n"
         "        order, edges, _ = group(wanted, cutoffs.n_clusters)"),
    Edit("a boolean index twice", "search", "value[rows] = xp.where(wins, new, value[rows])",
         "value[xp.arange(value.shape[0])[rows][wins]] = new[wins]"),
    Edit("np.argsort", "search", "xp.argsort(-columns", "np.argsort(-columns"),
    Edit("a NumPy scalar meets an array", "search", 'dtype=values.dtype) - float("inf")',
         'dtype=values.dtype) - np.float64("inf")'),
    Edit("count_nonzero", "search", "(running <= (u[rows] * total[rows])[:, None]).sum(-1)",
         "xp.count_nonzero(running <= (u[rows] * total[rows])[:, None], axis=-1)"),
    Edit("random numbers of the host", "adaptive", "array_namespace(x).asarray(u)", "u"),
    Edit("uninitialised memory", "adaptive", "output = xp.zeros(cache.input.shape[0],",
         "output = xp.empty(cache.input.shape[0],", luck=True),
    Edit("uninitialised gradient", "adaptive", "dx = xp.zeros(x.shape, dtype=wide)",
         "dx = xp.empty(x.shape, dtype=wide)", luck=True),
    Edit("np.zeros meets an array", "adaptive", "output = xp.zeros(cache.input.shape[0],",
         "output = np.zeros(cache.input.shape[0],"),
    Edit("a shape from a 0-d array", "adaptive", "dx = xp.zeros(x.shape, dtype=wide)",
         "dx = xp.zeros((xp.asarray(x.shape[0]), x.shape[1]), dtype=wide)"),
    Edit("add.at", "adaptive", "dx[rows] += dx_rows", "xp.add.at(dx, rows, dx_rows)"),
    Edit("np.add on data", "adaptive", "dx[rows] += dx_rows", "np.add.at(dx, rows, dx_rows)"),
    Edit("setflags", "adaptive",
         "result[:, :self.shortlist_size] = head[:, :self.shortlist_size]",
         "result.setflags(write=True)\n"
         "        result[:, :self.shortlist_size] = head[:, :self.shortlist_size]"),
    Edit("np.exp with out", "fused", "xp.exp(z, out=z)", "np.exp(z, out=z)"),
    Edit("maximum.reduce", "fused", "m, low = xp.where(swap, m2, m1), xp.where(swap, m1, m2)",
         "m, low = xp.maximum.reduce(xp.stack([m1, m2])), xp.where(swap, m1, m2)"),
    Edit("vecdot", "functional", "others.sum(-1)",
         "xp.vecdot(others, xp.ones(others.shape[-1], dtype=others.dtype))", luck=True),
    Edit("float() of data", "adaptive", "total = (0 - output).sum()",
         "total = output.dtype.type(float((0 - output).sum()))"),
    Edit("printing data", "functional", "p = xp.exp(log_p)\n", "p = xp.exp(log_p)\n    str(p)\n"),
]

HARMLESS = [
    Edit("an axis by name", "functional", "grad.sum(-1)", "grad.sum(axis=-1)"),
    Edit("a comment", "functional", "p = xp.exp(log_p)\n",
         "p = xp.exp(log_p)    # where it is needed\n"),
    Edit("a keyword that CuPy has", "functional", "p = xp.exp(log_p)\n",
         "p = xp.exp(log_p, dtype=None)\n"),
    Edit("another name", "functional", "dz = grad - grad.sum(-1)[:, None] * p",
         "rho = grad.sum(-1)[:, None]\n    dz = grad - rho * p"),
    Edit("an order of zeros", "adaptive", "dx = xp.zeros(x.shape, dtype=wide)",
         "dx = xp.zeros(x.shape, dtype=wide, order='C')"),
    Edit("the library asked twice", "functional", "rows, top = xp.arange(",
         "rows, top = array_namespace(z).arange("),
    Edit("the default kind of sort", "cutoffs", "xp.sort(order[edges[0]:])",
         "xp.sort(order[edges[0]:], kind='stable')"),
    Edit("a default side", "cutoffs", 'xp.arange(n_groups + 1), side="left")',
         "xp.arange(n_groups + 1))"),
    Edit("zeros instead of empty", "adaptive", "result = xp.empty((", "result = xp.zeros(("),
    Edit("a start and a step", "cutoffs", "xp.arange(n_groups + 1)",
         "xp.arange(0, n_groups + 1, 1)"),
    Edit("a reduction of add", "functional", "grad.sum(-1)", "grad.sum(-1, keepdims=False)"),
    Edit("integers on the host", "adaptive", "return total / n_kept", "return total / int(n_kept)"),
]

# what a keyword that only NumPy has is worth when it changes nothing, by kind of call
NEUTRAL = {
    "ufunc": {"where": "True", "order": "'K'", "subok": "True"},
    "matmul": {"subok": "True"},
    "function": {"like": "None", "order": "None", "device": "None"},
    "sum": {"initial": "0", "where": "True"},
}


def generated():
    """One edit for each pair of a call that the package makes and a keyword that only NumPy has."""
    seen, edits = set(), []
    for module in MODULES:
        source = (PACKAGE / f"{module}.py").read_text()
        for node in ast.walk(ast.parse(source)):
            for keyword, value in _extra(node):
                key = (node.func.attr, keyword)
                if key not in seen:
                    seen.add(key)
                    piece = ast.get_source_segment(source, node)
                    edits.append(Edit(f"{node.func.attr}({keyword}=) of {module}", module, piece,
                                      f"{piece[:-1].rstrip().rstrip(',')}, {keyword}={value})"))
    return edits


def _extra(node):
    """The keywords that only NumPy has for this call, with a neutral value."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    name, of_library = node.func.attr, getattr(node.func.value, "id", None) == "xp"
    entry = SURFACE["functions" if of_library else "methods"].get(name, {})
    neutral = NEUTRAL.get(name) or NEUTRAL.get(entry.get("kind"), {})
    if of_library or name == "sum":
        for keyword in entry.get("numpy_only", ()):
            known = np.lib.NumpyVersion(np.__version__) >= "2.0.0" or keyword != "device"
            if keyword in neutral and node.args and known:
                yield keyword, neutral[keyword]


class _Edited(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of the package from another text."""

    def __init__(self, name, source):
        self.name, self.source = name, source

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module):
        exec(compile(self.source, f"<{self.name} edited>", "exec"), module.__dict__)


@contextlib.contextmanager
def package_with(module, source):
    """The package imported anew with the source of one module; everything is put back after."""
    def ours():
        return [name for name in sys.modules if name.split(".")[0] == "npadasoft"]

    kept = {name: sys.modules.pop(name) for name in ours()}
    finder = _Edited(f"npadasoft.{module}", source)
    sys.meta_path.insert(0, finder)
    try:
        fresh = importlib.import_module("npadasoft")
        importlib.import_module("npadasoft.arrays")._LIBRARIES["strict_cupy"] = "ndarray"
        yield fresh
    finally:
        sys.meta_path.remove(finder)
        for name in ours():
            del sys.modules[name]
        sys.modules.update(kept)
