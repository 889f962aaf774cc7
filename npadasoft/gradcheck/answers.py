"""What f and grads return, looked at: numbers and NumPy arrays, or a clear refusal."""
import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.errors import GradcheckUsage


def is_number(raw):
    """Whether f returned one number."""
    return (isinstance(raw, (bool, int, float, complex, np.generic))
            or isinstance(raw, np.ndarray) and raw.ndim == 0)


def numpy_end(path, end):
    """An output, if it is of NumPy."""
    if tree.is_foreign(end) or not isinstance(end, (np.ndarray, np.generic, int, float, complex)):
        raise GradcheckUsage(f"f: output {path}: expected a NumPy array or a number, got "
                             f"{type(end).__module__}.{type(end).__name__}; {tree.REMEDY}")
    return end


def number(raw):
    """One number, as a float or a complex."""
    if not is_number(raw):
        numpy_end("", raw)
        raise GradcheckUsage("f: expected a scalar as at its first call, got shape "
                             f"{np.shape(raw)}")
    return complex(raw) if np.asarray(raw).dtype.kind == "c" else float(raw)


def gradient(path, found, leaf):
    """The gradient of one leaf: a copy, floating, of its shape; zeros for None."""
    if path not in found:
        raise GradcheckUsage(f"grads: {path}: expected an array of shape {leaf.own.shape}, "
                             "got nothing")
    end = found[path]
    if end is None:                     # unused, says grads
        return np.zeros(leaf.own.shape, leaf.own.dtype)
    if tree.is_foreign(end):
        raise GradcheckUsage(f"grads: {path}: expected a NumPy array, got "
                             f"{type(end).__module__}.{type(end).__name__}; {tree.REMEDY}")
    array = np.array(end)               # a copy: grads may answer in one buffer again and again
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype.kind not in "fc" or np.shape(end) != leaf.own.shape:
        raise GradcheckUsage(f"grads: {path}: expected a floating array of shape "
                             f"{leaf.own.shape}, got {array.dtype} of shape {array.shape}")
    return array


def refuse_unseen(what, path, end, node):
    """A derivative for what is no floating array would never be looked at: zeros, too.

    A constant that comes back as it is, None, a flag or a text is none.
    """
    dtype = getattr(end, "dtype", None)
    answered = (getattr(dtype, "kind", "O") in tuple("iufcOV") if dtype is not None
                else not isinstance(end, (bool, str, bytes)))
    if answered and end is not None and end is not node:
        kind = getattr(node, "dtype", None) or type(node).__name__
        raise GradcheckUsage(f"{what}: {path}: answers a gradient for it, but in params it is "
                             f"{kind}, which is no leaf: pass floats, or answer None")
