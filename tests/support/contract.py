"""Helpers of the tests of the contract: exact refusals, and layers whose logits are exact."""
import re
from contextlib import contextmanager

import numpy as np
import pytest

from npadasoft import AdaptiveLogSoftmaxWithLoss, Parameters

SORTED = ("cutoffs should be a sequence of unique, positive integers sorted in an increasing "
          "order, where each value is between 1 and n_classes-1")
LOADING = "Error(s) in loading state_dict for AdaptiveLogSoftmaxWithLoss:"
REAL = ("float16", "float32", "float64", "longdouble")
COMPLEX = ("complex64", "complex128")


@contextmanager
def refuses(kind, message):
    """The block must raise exactly `kind` with exactly `message`."""
    with pytest.raises(kind) as caught:
        yield
    assert caught.type is kind
    assert str(caught.value) == message


def eighths(seed, shape, dtype="float64", top=8):
    """Numbers k/8, |k| <= top: sums of products of three have no rounding, float32 included."""
    return (np.random.default_rng(seed).integers(-top, top + 1, shape) / 8).astype(dtype)


def exact(layer, seed=1, dtype=None, top=8):
    """The layer with eighths for weights, so that its logits of eighths have no rounding."""
    dtype, items = dtype or layer.dtype, enumerate(layer.parameters.items())
    return layer.with_parameters(Parameters.from_items(
        {path: eighths(seed + i, leaf.shape, dtype, top) for i, (path, leaf) in items}))


def leaves(gradients):
    """Every array of a `Gradients`, by path."""
    return {"input": gradients.input, **dict(gradients.parameters.items())}


def same(a, b):
    """Whether two trees, `Gradients`, tuples or arrays agree in dtype, shape and every bit."""
    if isinstance(a, tuple) and hasattr(a, "parameters"):
        a, b = leaves(a), leaves(b)
    if isinstance(a, Parameters):
        a, b = dict(a.items()), dict(b.items())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    equal = (a == b) & (np.signbit(a.real) == np.signbit(b.real))
    return bool((equal | (np.isnan(a) & np.isnan(b))).all())


def small(dtype="float64", **options):
    """Six features, nine classes, two clusters; logits of eighths are exact in every dtype."""
    return exact(AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, True, dtype=dtype, rng=0, **options))


def everything(layer, x, y):
    """Every result of a `small` layer that does not depend on chance."""
    result, cache = layer.forward(x, y)
    grad = eighths(5, (len(y), 9), layer.dtype)
    return (*result, *leaves(layer.backward(cache, eighths(4, y.shape, layer.dtype))).values(),
            layer.log_prob(x), *leaves(layer.log_prob_backward(x, grad)).values(),
            layer.topk(x, 7).log_prob)


def shown(value):
    """The id of a parameter: its repr without an address, the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
