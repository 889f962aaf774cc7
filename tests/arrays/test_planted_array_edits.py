"""Edits that break on CuPy but not on NumPy are caught, by the static check or by the stand-in.

The static check reads; the stand-in runs every method of the layer and must answer the same bits,
refuse the same calls, and wait for the device no more often than the layer as it stands.
"""
import warnings
from functools import cache

import numpy as np
import pytest
import strict_cupy
from planted_array_edits import BY_HAND, HARMLESS, MODULES, PACKAGE, generated, package_with
from strict_cupy.static import HOST, problems

from npadasoft import arrays

EDITS = BY_HAND + generated()


def behaviour(package, xp):
    """What the layer does, as bytes and words: every method, types, an empty batch, a refusal."""
    seen = []
    for dtype, ignore, reduction in (("float64", None, "mean"), ("float32", 3, "sum"),
                                     ("float16", 0, "none")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = package.AdaptiveLogSoftmaxWithLoss(
                6, 20, [4, 9, 15], 2.0, True, rng=1, dtype=dtype, ignore_index=ignore,
                reduction=reduction)
        layer = layer.with_parameters(layer.parameters.map(lambda w: xp.asarray(3 * w)))
        rng = np.random.default_rng(2)
        for n in (17, 0):
            x = xp.asarray(rng.normal(size=(n, 6)).astype(dtype))
            y = rng.integers(0, 20, n)
            if n:
                y[:3] = 0, 3, 3
            calls(layer, x, xp.asarray(y), seen, xp, rng)
    refused(lambda: layer.forward(xp.asarray(np.ones((1, 6), dtype)), xp.asarray([20])), seen)
    return seen


def calls(layer, x, y, seen, xp, rng):
    """Every method once; the order of `seen` is that of the calls."""
    result, forward_cache = layer.forward(x, y)
    grad = xp.asarray(rng.normal(size=(x.shape[0], 20)).astype(layer.dtype))
    found = [*result, layer.backward(forward_cache), layer.backward(forward_cache, grad_loss=2.0),
             layer.log_prob(x), layer.log_prob_backward(x, grad), layer.predict(x),
             layer.topk(x, 0), layer.topk(x, 2), layer.topk(x, 20), layer.sample(x, 5),
             layer.forward(x, y.astype("uint64"))[0].output]
    found += [layer.loss_and_gradients(x, y, memory=memory) for memory in (2**28, 9_000, 6_000)]
    seen.extend(found)


def refused(call, seen):
    try:
        call()
    except (ValueError, IndexError):
        seen.append("refused")
    else:
        seen.append("not refused")


def flat(value):
    """Results as a list of (dtype, shape, bytes) and words."""
    if isinstance(value, (tuple, list)):
        return [item for part in value for item in flat(part)]
    if hasattr(value, "items"):
        return flat([leaf for _, leaf in value.items()])
    if isinstance(value, str) or value is None:
        return [value]
    value = np.asarray(value._data if isinstance(value, strict_cupy.ndarray) else value)
    return [(value.dtype, value.shape, value.tobytes())]


def run(package, xp):
    """Behaviour and number of waits."""
    with strict_cupy.count_syncs() as waits, np.errstate(all="ignore"):
        seen = behaviour(package, xp)
    return flat(seen), len(waits)


@cache
def expected():
    """What the layer as it stands does, on NumPy, and its waits on the stand-in."""
    source = (PACKAGE / "functional.py").read_text()
    with package_with("functional", source) as package:
        host, _ = run(package, np)
        device, waits = run(package, strict_cupy)
    assert host == device
    return host, waits


@cache
def trouble(edit):
    """What is wrong with the edit on CuPy: the static complaints, what the stand-in saw."""
    source = edit.apply((PACKAGE / f"{edit.module}.py").read_text())
    found = problems(source, arrays.FUNCTIONS, arrays.METHODS, HOST | {"ndim"})
    host, waits = expected()
    with package_with(edit.module, source) as package:
        if not edit.luck:
            assert run(package, np)[0] == host, "the edit is not right on NumPy"
        if found:
            return found, None
        try:
            device, more_waits = run(package, strict_cupy)
        except Exception as error:
            return found, f"{type(error).__name__}: {error}"
    if device != host:
        return found, "other bits"
    return found, f"{more_waits} waits, {waits} before" if more_waits > waits else None


@pytest.mark.parametrize("edit", EDITS, ids=[edit.name for edit in EDITS])
def test_a_planted_edit_is_caught(edit):
    static, dynamic = trouble(edit)
    assert static or dynamic


@pytest.mark.parametrize("edit", HARMLESS, ids=[edit.name for edit in HARMLESS])
def test_a_harmless_edit_is_not_caught(edit):
    assert trouble(edit) == ([], None)


def test_there_are_thirty_edits_and_half_of_them_are_generated():
    made = generated()
    assert len(BY_HAND) >= 30 and len(made) >= 15
    assert {edit.module for edit in EDITS} >= set(MODULES) - {"checks"}


def test_the_stand_in_alone_catches_what_no_reader_of_the_source_can():
    caught = {edit.name: trouble(edit) for edit in BY_HAND}
    by_running = {name for name, (static, dynamic) in caught.items() if dynamic and not static}
    assert {"a repeated index", "an unchecked index wraps", "range of a 0-d array",
            "int() in a loop", "uninitialised memory", "searchsorted with a list",
            "a boolean index waits", "the truth of an array"} <= by_running


def test_an_edit_whose_line_is_gone_says_so():
    with pytest.raises(LookupError, match="no longer has"):
        BY_HAND[0].apply("nothing of the kind")
