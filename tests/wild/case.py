"""What a glue file yields: one function, one point, and the derivative that the package gives.

A glue file `packages/NAME.py` holds

    PINS = "name==1.2.3 numpy==2.4.6"       what pip installs into a fresh environment
    def checks(): ...                       a generator of cases
    WHY = {"pattern": (kind, reason)}       every FAIL that is expected, by the name of the case

where kind is one of `KINDS`.  Points are ordinary ones, as the package's own pages use them.
"""
import zlib
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np

# mistake       the package answers a wrong derivative, or a wrong function
# design        documented or conventional: no derivative of this function is meant
# approximation right to several digits: a fit, a small constant, an iteration stopped early
KINDS = ("mistake", "design", "approximation")


@dataclass
class Case:
    """One check: `check(f, params, grads, **options)`.

    `right` is the gradient as it ought to be, where the package's is known to be wrong: it has to
    PASS, which shows that the cause is the one that `WHY` names.
    """

    name: str
    f: Callable
    params: Any
    grads: Callable
    right: Callable | None = None
    options: dict = field(default_factory=dict)


def rng(name):
    """A generator that depends on `name` alone."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def scalar(name, f, x, grads, right=None, **options):
    """f(x) is a number, grads(x) the gradient.  Both get arrays that they may write to."""
    return Case(name, _writable(f), x, _writable(grads), right, options)


def jacobian(name, f, x, jac, right=None, **options):
    """f(x) has any shape S, jac(x) the shape S + shape of x."""
    x = np.asarray(x, float)
    cotangent = _cotangent(name, f, x)

    def pulled(of):
        return lambda p, c=np.float64(1): np.tensordot(np.asarray(c), np.asarray(of(p)).reshape(
            np.shape(c) + np.shape(p)), np.ndim(c))
    return Case(name, _writable(f), x, _writable(pulled(jac)), right and pulled(right),
                {"cotangent": cotangent, **options})


def elementwise(name, f, df, x, right=None, **options):
    """f maps an array to one of its shape, number by number, and df is its derivative."""
    x = np.asarray(x, float)

    def pulled(of):
        return lambda p, c: c * of(p)
    return Case(name, _writable(f), x, _writable(pulled(df)), right and pulled(right),
                {"cotangent": _cotangent(name, f, x), **options})


def numbers(name, f, df, xs, right=None, **options):
    """As `elementwise`, for an f that takes one number at a time."""
    def each(of):
        return of and (lambda x: np.array([of(float(number)) for number in np.real(x)]))
    return elementwise(name, each(f), each(df), xs, each(right), method="richardson", **options)


def _cotangent(name, f, x):
    try:
        shape = np.shape(f(x.copy()))
    except Exception:               # the check meets it again, and the row says what it was
        return None
    return rng(name).normal(size=shape) + 2 if shape else None


def _writable(of):
    """Hands `of` copies: packages in Cython refuse arrays that cannot be written."""
    return lambda p, *more: of(_copied(p), *more)


def _copied(p):
    if isinstance(p, dict):
        return {key: _copied(value) for key, value in p.items()}
    if isinstance(p, (list, tuple)):
        return type(p)(_copied(value) for value in p)
    return p.copy() if isinstance(p, np.ndarray) else p
