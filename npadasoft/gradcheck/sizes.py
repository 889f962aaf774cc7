"""How large numbers are: norms that neither overflow nor underflow, and the unit of an element.

The unit of an element is its own magnitude.  A step, a direction or a rounding is a part of it, so
that a small element beside large ones is moved by no more than a part of itself.
"""
import numpy as np

FAR_BELOW = 2.0 ** -40      # of the median: no unit for zeros is smaller
SMALLEST = 2.0 ** -900      # nor is any smaller than this


def norm(array, axis=None):
    """√Σ|a|², along `axis`; squares of 1e200 or 1e-200 are no difficulty."""
    array = np.abs(np.asarray(array, float))
    largest = array.max(axis=axis, initial=0.0, keepdims=True)
    safe = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    root = np.sqrt(np.sum((array / safe) ** 2, axis=axis, keepdims=True)) * safe
    return float(root.reshape(())) if axis is None else np.squeeze(root, axis)


def rms(array, axis=None):
    """Root mean square; 0 of nothing."""
    array = np.asarray(array)
    count = array.size if axis is None else array.shape[axis]
    return norm(array, axis) / max(count, 1) ** 0.5


def signs(rng, shape):
    """sign * U[1/2, 3/2]: no sum of few terms vanishes, and no term is small."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def units(array):
    """Magnitude of each element; of a zero the smallest magnitude beside it, 1 if there is none.

    Examples
    --------
    >>> units(np.array([3.0, 0.0, -0.5])).tolist(), units(np.zeros(2)).tolist()
    ([3.0, 0.5, 0.5], [1.0, 1.0])
    """
    sizes = np.abs(np.asarray(array, float))
    nonzero = sizes[(sizes > 0) & np.isfinite(sizes)]
    fill = max(nonzero.min(), FAR_BELOW * np.median(nonzero)) if nonzero.size else 1.0
    return np.where((sizes > 0) & np.isfinite(sizes), sizes, max(fill, SMALLEST))
