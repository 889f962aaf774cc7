"""Complex arrays on which |x| is ±x and not the modulus: a complex step goes through it.

NumPy's abs, sign, norm, var and std of a complex number leave the line on which they are analytic.
Here they are continued from the real one, side by side with the sign of the real part: |x| is x
where Re x >= 0 and -x where it is not.  At the corner itself that is one of two slopes, as with any
complex step, and Richardson has to agree before it is believed.
"""
from typing import Callable

import numpy as np


def _sides(x):
    return np.where(np.real(x) < 0, -1.0, 1.0)


def _norm(x, ord=None, axis=None, keepdims=False):
    if ord not in (None, 2) or axis is None and ord == 2 and np.ndim(x) > 1:
        return NotImplemented
    return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))


def _vdot(a, b):
    return (np.ravel(a) * np.ravel(b)).sum()


def _var(x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    centred = x - x.mean(axis=axis, keepdims=True)
    total = (centred * centred).sum(axis=axis, keepdims=keepdims)
    return total / (x.size / max(np.size(total), 1) - ddof)


def _std(x, *args, **options):
    return np.sqrt(_var(x, *args, **options))


UFUNCS: dict[Callable, Callable] = {
    np.absolute: lambda x: _sides(x) * x,
    np.fabs: lambda x: _sides(x) * x,
    np.sign: lambda x: np.sign(np.real(x)) + 0j,
    np.conjugate: lambda x: x,
    np.hypot: lambda a, b: np.sqrt(a * a + b * b),
    np.cbrt: lambda x: _sides(x) * np.power(_sides(x) * x, 1 / 3),
    np.logaddexp: lambda a, b: np.maximum(a, b) + np.log1p(np.exp(
        np.minimum(a, b) - np.maximum(a, b))),
}
FUNCTIONS: dict[Callable, Callable] = {
    np.linalg.norm: _norm, np.var: _var, np.std: _std, np.vdot: _vdot}


class Continued(np.ndarray):
    """A complex array; real ones that come of it (`.real`, indices) are what they always are."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [_plain(x) for x in inputs]
        special = method == "__call__" and any(np.iscomplexobj(x) for x in plain)
        call = UFUNCS.get(ufunc) if special else None
        call = call or getattr(ufunc, method)
        if out is None:
            return _wrapped(call(*plain, **options))
        result = call(*plain, **({} if call in UFUNCS.values() else options))
        np.copyto(_plain(out[0]), result, casting="same_kind")
        return out[0]

    def __array_function__(self, function, types, args, options):
        special = FUNCTIONS.get(function)
        if special is not None and np.iscomplexobj(args[0]):
            found = special(*map(_plain, args), **options)
            if found is not NotImplemented:
                return _wrapped(found)
        return _wrapped(super().__array_function__(function, types, args, options))

    def __getitem__(self, index):
        return _wrapped(super().__getitem__(index))

    def var(self, *args, **options):
        """As np.var, without the modulus."""
        return _wrapped(_var(_plain(self), *args, **options))

    def std(self, *args, **options):
        """As np.std, without the modulus."""
        return _wrapped(_std(_plain(self), *args, **options))

    def conj(self):
        """Itself: of a real number there is nothing to conjugate."""
        return self

    conjugate = conj


def _plain(x):
    return x.view(np.ndarray) if isinstance(x, Continued) else x


def _wrapped(x):
    """Complex results go on as such, 0-d ones too; all else is plain."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "c":
        return np.asarray(x).view(Continued)
    return _plain(x)
