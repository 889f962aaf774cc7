"""Parameter trees: find the leaves, name them, build the same tree with other leaves.

A tree is a dict, list, tuple, namedtuple or dataclass, nested at will, or an object with `items()`
and `map()` that names its own leaves.  Floating arrays, NumPy floats and Python floats are leaves;
everything else is a constant, which travels along untouched.
"""
import copy
import dataclasses
from collections.abc import Mapping

import numpy as np

from npadasoft.gradcheck.errors import GradcheckUsage

ROOT = "x"      # the name of a tree that is one bare array

PLAIN = (np.ndarray, np.memmap)

REMEDY = ("return or pass NumPy arrays: cupy.asnumpy(a) for CuPy, t.detach().numpy() for PyTorch, "
          "numpy.asarray(a) for JAX")


def children(node):
    """The (name, child) pairs of an inner node; None if `node` is an end."""
    if type(node).__module__.partition(".")[0] in ("pandas", "xarray"):
        raise GradcheckUsage(f"{type(node).__name__}: pass .to_numpy() of it")
    if isinstance(node, Mapping):
        return [(str(key), child) for key, child in node.items()]
    if _names_itself(node):
        return list(node.items())
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return list(zip(getattr(node, "_fields"), node))
    if isinstance(node, (list, tuple)):
        return [(str(i), child) for i, child in enumerate(node)]
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return [(field.name, getattr(node, field.name)) for field in dataclasses.fields(node)]
    return None


def _names_itself(node):
    return (not isinstance(node, type) and callable(getattr(node, "items", None))
            and callable(getattr(node, "map", None)))


def ends(tree):
    """Every end of the tree, by its dotted path, in order."""
    found = {}

    def visit(node, path):
        inner = children(node)
        if inner is None:
            path = path or ROOT
            if path in found:
                raise GradcheckUsage(f"{path}: two leaves have this path; rename one")
            found[path] = node
            return
        for name, child in inner:
            visit(child, f"{path}.{name}" if path else name)

    visit(tree, "")
    return found


def is_leaf(path, node):
    """Whether an end is differentiable.

    Raises
    ------
    GradcheckUsage
        For a complex leaf, and for an array of another library.
    """
    if isinstance(node, np.ndarray) and type(node) not in PLAIN:
        raise GradcheckUsage(f"{path}: expected a plain array, got {type(node).__name__}, which f "
                             "would not see as it is: pass numpy.asarray of it (or .filled()), and "
                             "let f and grads make what they need")
    if isinstance(node, (np.ndarray, np.generic)):
        if node.dtype.kind == "c":
            raise GradcheckUsage(f"{path}: expected a real leaf, got {node.dtype}; "
                                 "split it into real and imaginary part")
        return node.dtype.kind == "f"
    if isinstance(node, complex):
        raise GradcheckUsage(f"{path}: expected a real leaf, got complex; split it in two")
    if is_foreign(node):
        raise GradcheckUsage(f"{path}: expected a NumPy array, got {type(node).__module__}."
                             f"{type(node).__name__}; {REMEDY}")
    return isinstance(node, float)


def is_foreign(node):
    """Whether `node` looks like an array of a library that is not NumPy."""
    return (not isinstance(node, (np.ndarray, np.generic, type))
            and any(hasattr(node, name) for name in ("__array__", "__dlpack__",
                                                     "__cuda_array_interface__")))


def rebuild(tree, leaves, path=""):
    """The same tree, of the same types, with the ends in `leaves` (by path) replaced."""
    inner = children(tree)
    if inner is None:
        return leaves.get(path or ROOT, tree)
    new = [rebuild(child, leaves, f"{path}.{name}" if path else name) for name, child in inner]
    if isinstance(tree, Mapping):
        return _mapping_like(tree, new)
    if _names_itself(tree):
        return _mapped(tree, dict(zip((name for name, _ in inner), new)), path)
    if hasattr(tree, "_fields"):
        return type(tree)(*new)
    if isinstance(tree, (list, tuple)):
        return type(tree)(new)
    result = copy.copy(tree)
    for (name, _), child in zip(inner, new):
        object.__setattr__(result, name, child)     # frozen dataclasses too
    return result


def _mapping_like(tree, new):
    values = dict(zip(tree, new))
    if not isinstance(tree, dict):
        return values
    result = copy.copy(tree)
    result.update(values)
    return result


def _mapped(tree, new, path):
    """`tree.map` in the order of `tree.items`, and a check that it was that order."""
    values = iter(new.values())
    result = tree.map(lambda leaf: next(values))
    if any(new[name] is not leaf for name, leaf in result.items()):
        raise GradcheckUsage(f"{path or type(tree).__name__}: map() does not visit the leaves in "
                             "the order of items()")
    return result


def select(paths, wrt):
    """Those of `paths` that match a pattern of `wrt`: only `*` is special, for one part.

    Examples
    --------
    >>> select(["a", "tail.0.weight", "tail.1.weight"], "tail.*.weight")
    ['tail.0.weight', 'tail.1.weight']
    """
    if wrt is None:
        return list(paths)
    patterns = [wrt] if isinstance(wrt, str) else list(wrt)
    for pattern in patterns:
        if not any(matches(pattern, path) for path in paths):
            raise GradcheckUsage(f"wrt: nothing matches {pattern!r}; the leaves are "
                                 f"{', '.join(paths) or 'none'}")
    return [path for path in paths if any(matches(pattern, path) for pattern in patterns)]


def matches(pattern, path):
    """Whether `path` is `pattern`, a part `*` of which stands for any one part."""
    parts, names = pattern.split("."), path.split(".")
    return len(parts) == len(names) and all(p in ("*", n) for p, n in zip(parts, names))
