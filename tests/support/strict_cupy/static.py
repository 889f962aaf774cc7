"""Array calls read off the source and held against the recorded surface: nothing is run.

What it knows: a call on `xp` (or on `array_namespace(...)`) is a call of the library; an attribute
that NumPy's arrays have is one of an array, unless it hangs on a module or on a dtype; `np` is
NumPy on the host, where only dtypes, limits and random generators have a place.
"""
import ast

import numpy as np

from .arrays import SURFACE
from .signatures import bind

HOST = {"bool_", "dtype", "finfo", "float16", "float32", "float64", "generic", "iinfo", "int64",
        "ndarray", "random", "result_type"}         # numpy.* that touches no array
_ARRAY_NAMES = {name for name in dir(np.ndarray) if not name.startswith("_")}
_ARRAY_NAMES.discard("newbyteorder")                    # of dtypes; of arrays in NumPy 1 alone
_MODULES = {"copy", "np", "operator", "math", "sys", "warnings"}


def problems(source, functions, methods, host=HOST):
    """What in `source` is no call that CuPy has, as lines «line: complaint».

    Parameters
    ----------
    source : str
    functions, methods : set of str
        The vocabulary of the package.
    host : set of str
        Names of numpy that may be used.
    """
    return [f"{node.lineno}: {complaint}" for node in ast.walk(ast.parse(source))
            for complaint in _complaints(node, functions, methods, host)]


def _complaints(node, functions, methods, host):
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _import(node)
    elif isinstance(node, ast.Attribute) and _is_name(node.value, "np"):
        if node.attr not in host:
            yield f"np.{node.attr} has no place in array code"
    elif isinstance(node, ast.Attribute) and _is_library(node.value):
        yield from _library_name(node.attr, functions)
    elif isinstance(node, ast.Attribute):
        yield from _array_name(node, methods)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from _call(node)


def _import(node):
    for alias in node.names:
        name = getattr(node, "module", None) or alias.name
        if name.split(".")[0] in ("cupy", "cupyx"):
            yield f"{name} is imported"
        if name.split(".")[0] == "numpy" and alias.asname != "np":
            yield "numpy is imported under another name than np"


def _library_name(name, functions):
    if name not in functions:
        yield f"xp.{name} is not in the vocabulary of arrays.py"
    if name not in SURFACE["functions"] and name not in SURFACE["extra_functions"]:
        yield f"xp.{name} is not in CuPy"


def _array_name(node, methods):
    name, owner = node.attr, node.value
    if isinstance(owner, ast.Attribute) and _is_library(owner.value):       # xp.add.reduce
        if name != "reduce" or owner.attr not in ("add", "multiply"):
            yield f"xp.{owner.attr}.{name}: only add and multiply reduce on CuPy"
    elif isinstance(owner, ast.Name) and owner.id in _MODULES:
        return
    elif isinstance(owner, ast.Attribute) and owner.attr == "dtype":        # dtype.itemsize
        return
    elif name in _ARRAY_NAMES:
        if name not in methods:
            yield f".{name} is not in the vocabulary of arrays.py"
        if name not in SURFACE["methods"]:
            yield f".{name} is not in CuPy"


def _call(node):
    name, owner = node.func.attr, node.func.value
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None
                                                                 for k in node.keywords):
        return
    keywords = {k.arg: None for k in node.keywords}
    if _is_library(owner):
        entry, where = SURFACE["functions"].get(name), f"xp.{name}"
    elif _is_name(owner, *_MODULES) or name not in _ARRAY_NAMES:
        return
    else:
        entry, where = SURFACE["methods"].get(name), f".{name}"
    if entry and entry["kind"] == "ufunc":
        for keyword in keywords:
            if keyword not in entry["keywords"]:
                yield f"{where}: CuPy has no keyword {keyword}"
    elif entry and entry.get("signature"):
        try:
            bind(where, entry["signature"], [None] * len(node.args), keywords)
        except TypeError as error:
            yield str(error)


def _is_name(node, *names):
    return isinstance(node, ast.Name) and node.id in names


def _is_library(node):
    return _is_name(node, "xp") or (isinstance(node, ast.Call)
                                    and _is_name(node.func, "array_namespace"))
