"""The forms in which people have their derivatives, each rewritten as one gradient of one f.

    jacobian       d outputs / d leaf, in full        every number of it is an element by itself
    elementwise    f'(x), of the shape of x           times the cotangent
    hvp            H v without a gradient             the gradient of the slope of f along v

Each makes a `Question`, so that nothing else knows of them.
"""
from typing import Any, NamedTuple

import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.answers import refuse_unseen
from npadasoft.gradcheck.derivative import derivative
from npadasoft.gradcheck.errors import GradcheckUsage
from npadasoft.gradcheck.sizes import signs, units

MANY_OUTPUTS = 256      # more rows than this are mixed by a cotangent instead
TINY_STEP = 2.0 ** -66
REAL_ALONE = "a slope along v is asked for real parameters"


class Question(NamedTuple):
    """What is to be checked: `grads` as the gradient of `f` at `params`."""

    f: Any
    params: Any
    grads: Any
    cotangent: Any = None


def leaves(params):
    """Floating ends by path."""
    return {path: np.asarray(node) for path, node in tree.ends(params).items()
            if tree.is_leaf(path, node)}


# -------------------------------------------------------------------- jacobians

def of_jacobian(f, params, jacobian, most):
    """A question for jacobian(params) -> d outputs / d leaf, of shape outputs + leaf, by path.

    Every row of it gets parameters of its own, as if f were as many functions: then each number is
    an element, and none hides behind another.  With more than `most` numbers, or too many rows,
    they are mixed by the cotangent.
    """
    out, own = np.asarray(f(params)), leaves(params)
    if tree.children(f(params)) is not None or out.dtype.kind not in "fc":
        raise GradcheckUsage("jacobian: expected an f that returns one array of floats, got "
                             f"{type(f(params)).__name__} of {out.dtype}")
    if not out.ndim:
        return Question(f, params, lambda p: tree.rebuild(params, _jacobian(
            jacobian(p), params, own, ())))
    numbers = out.size * sum(leaf.size for leaf in own.values())
    if out.size > MANY_OUTPUTS or most is not None and numbers > most:
        def mixed(p, cotangent):
            found = _jacobian(jacobian(p), params, own, out.shape)
            return tree.rebuild(params, {path: np.tensordot(cotangent, part, out.ndim)
                                         for path, part in found.items()})
        return Question(f, params, mixed)
    rows = _Rows(f, params, own, out.shape)

    def grads(tiles, cotangent):
        answers: dict = {}
        parts = [rows.answer(jacobian, tiles, k, answers) for k in range(out.size)]
        return tree.rebuild(params, {path: np.array([part[path] for part in parts]).reshape(
            out.shape + leaf.shape) for path, leaf in own.items()})
    return Question(rows.f, rows.tiled(), grads, np.ones(out.shape))


def _jacobian(answer, params, own, shape):
    """By path, in full and in its shape; a sparse matrix is filled up with zeros."""
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    found = tree.ends(answer)
    missing = [path for path in own if path not in found]
    if missing:
        raise GradcheckUsage(f"jacobian: {missing[0]}: expected an array, got nothing")
    for path, node in tree.ends(params).items():
        if path in found and path not in own:
            refuse_unseen("jacobian", path, found[path], node)
    result = {}
    for path, leaf in own.items():
        end = found[path].toarray() if hasattr(found[path], "toarray") else np.asarray(found[path])
        if end.size != leaf.size * int(np.prod(shape)):
            raise GradcheckUsage(f"jacobian: {path}: expected the shape of f and that of {path}, "
                                 f"{shape + leaf.shape}, got {end.shape}")
        result[path] = end.reshape(shape + leaf.shape)
    return result


class _Rows:
    """f for a copy of the parameters for each output: row k of the copies decides on output k."""

    def __init__(self, f, params, own, shape):
        self.function, self.params, self.own, self.shape = f, params, own, shape
        self.base = {path: leaf.tobytes() for path, leaf in own.items()}
        self.known = None

    def tiled(self):
        """The copies."""
        return tree.rebuild(self.params, {
            path: np.broadcast_to(leaf, self.shape + leaf.shape).copy()
            for path, leaf in self.own.items()})

    def row(self, tiles, k):
        """The parameters of output k, by path."""
        ends = tree.ends(tiles)
        return {path: ends[path].reshape((-1,) + leaf.shape)[k]
                for path, leaf in self.own.items()}

    def f(self, tiles):
        """Output k of row k; where a row was not moved f is not asked again."""
        if self.known is None:
            self.known = np.ravel(self.function(self.params))
        values = []
        for k in range(self.known.size):
            row = self.row(tiles, k)
            still = all(part.dtype == self.own[path].dtype and part.tobytes() == self.base[path]
                        for path, part in row.items())
            values.append(self.known[k] if still else np.ravel(
                self.function(tree.rebuild(self.params, row)))[k])
        return np.array(values).reshape(self.shape)

    def answer(self, jacobian, tiles, k, answers):
        """Row k of the Jacobian at the parameters of row k."""
        row = self.row(tiles, k)
        key = tuple(part.tobytes() for part in row.values())
        if key not in answers:
            answers[key] = _jacobian(jacobian(tree.rebuild(self.params, row)), self.params,
                                     self.own, self.shape)
        return {path: part.reshape((-1,) + self.own[path].shape)[k]
                for path, part in answers[key].items()}


def of_elementwise(f, params, slope):
    """A question for slope(params) -> f'(x) of an f that works element by element.

    Without a cotangent f is a number: of one number, or it does not work so.
    """
    def grads(p, cotangent=1.0):
        ends = tree.ends(slope(p))
        own = leaves(params)
        if np.ndim(cotangent) == 0 and sum(leaf.size for leaf in own.values()) != 1:
            path, leaf = max(own.items(), key=lambda one: one[1].size)
            raise GradcheckUsage("elementwise: f returns one number, and not one for each element "
                                 f"of {path} of shape {leaf.shape}: return the array, or give the "
                                 "gradient of the number as grads=")
        return tree.rebuild(params, {path: np.asarray(end) * cotangent
                                     for path, end in ends.items()})
    return Question(f, params, grads)


# -------------------------------------------------------------------- Hessian times a vector

def of_hvp(f, params, hvp, seed):
    """A question for hvp(params, v): the gradient of the slope of f along v.

    The slope is a complex step where a difference agrees with it at the point.
    """
    own = leaves(params)
    rng = np.random.default_rng([seed, 0x4876])
    v = {path: (units(leaf) * signs(rng, leaf.shape)).astype(leaf.dtype)
         for path, leaf in own.items()}

    def along(p, t):
        ends = tree.ends(p)
        return f(tree.rebuild(params, {path: ends[path] + t * v[path] for path in own}))

    def by_step(p):
        return float(np.imag(along(p, 1j * TINY_STEP))) / TINY_STEP

    def by_differences(p):
        return derivative(lambda t: float(along(p, t))).value

    def slope(p):
        if any(np.iscomplexobj(end) for end in tree.ends(p).values()):
            raise TypeError(REAL_ALONE)
        return way(p)

    found = derivative(lambda t: float(along(params, t)))
    try:
        way = by_step if abs(by_step(params) - found.value) <= found.error else by_differences
    except Exception:           # f takes no complex numbers
        way = by_differences
    direction = tree.rebuild(params, v)
    return Question(slope, params, lambda p: hvp(p, direction))
