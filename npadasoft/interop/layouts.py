"""Weights in the layouts of other frameworks, to PyTorch's and back: no number changes.

    D in_features   K columns of the head   H hidden size of a cluster   O its number of classes

Every `from_...` answers a state dict under PyTorch's names, for `from_state_dict`; every `to_...`
is its inverse.  Shapes cannot show the order of the cluster columns, so each conversion is tested
on weights and numbers of the framework itself.  Layouts that can be read only are in `projected`.
"""
import math

import numpy as np


def from_paddle(weights):
    """From `paddle.nn.AdaptiveLogSoftmaxWithLoss`: all matrices transposed.

    Parameters
    ----------
    weights : mapping
        `head_weight` (D, K), `head_bias` (K,) if there is one, and `tail_weights`: a list of pairs
        (D, H), (H, O), or flat as `tail_weights.0.0`, `tail_weights.0.1`, ...  The tails must be
        taken from the layer's attribute: Paddle 3.3 leaves them out of `state_dict()`.

    Examples
    --------
    >>> state = from_paddle({"head_weight": np.ones((4, 3)),
    ...                      "tail_weights": [[np.ones((4, 1)), np.ones((1, 5))]]})
    >>> {name: array.shape for name, array in state.items()}
    {'head.weight': (3, 4), 'tail.0.0.weight': (1, 4), 'tail.0.1.weight': (5, 1)}
    """
    rest = dict(weights)
    for i, pair in enumerate(rest.pop("tail_weights", [])):
        rest[f"tail_weights.{i}.0"], rest[f"tail_weights.{i}.1"] = pair
    if "head_weight" in rest and "tail_weights.0.0" not in rest:
        raise ValueError("there are no tail_weights: Paddle's state_dict() leaves them out, take "
                         "them from the layer's attribute of that name")
    state = {"head.weight": _take(rest, "head_weight", transpose=True)}
    if "head_bias" in rest:
        state["head.bias"] = _take(rest, "head_bias")
    for i in range(count(rest, "tail_weights.{}.0")):
        state[f"tail.{i}.0.weight"] = _take(rest, f"tail_weights.{i}.0", transpose=True)
        state[f"tail.{i}.1.weight"] = _take(rest, f"tail_weights.{i}.1", transpose=True)
    nothing_left(rest, "Paddle")
    return state


def to_paddle(state):
    """The inverse of `from_paddle`, with `tail_weights` as a list of lists, as the layer has it."""
    rest = dict(state)
    weights = {"head_weight": _take(rest, "head.weight", transpose=True)}
    if "head.bias" in rest:
        weights["head_bias"] = _take(rest, "head.bias")
    weights["tail_weights"] = [
        [_take(rest, f"tail.{i}.{j}.weight", transpose=True) for j in (0, 1)]
        for i in range(count(rest, "tail.{}.0.weight"))]
    nothing_left(rest, "PyTorch")
    return weights


def from_fairseq(weights):
    """From fairseq's `AdaptiveSoftmax` with a head of its own (tied ones: `projected`).

    Parameters
    ----------
    weights : mapping
        `head.weight`, `tail.{i}.0.weight`, `tail.{i}.2.weight` (a dropout is number 1), `version`.

    Raises
    ------
    ValueError
        Without `version`: such a file is from before September 2018 and its cluster columns are off
        by one (`buggy_offset`), which no layer of today can hold, fairseq's included.  Also for a
        tied head, and for whatever else is not the layer's.
    """
    rest = dict(weights)
    check_fairseq_version(rest)
    if "head.class_proj.weight" in rest:
        raise ValueError("the head is tied to adaptive inputs: use from_fairseq_tied")
    state = {"head.weight": _take(rest, "head.weight")}
    for i in range(count(rest, "tail.{}.0.weight")):
        state[f"tail.{i}.0.weight"] = _take(rest, f"tail.{i}.0.weight")
        state[f"tail.{i}.1.weight"] = _take(rest, f"tail.{i}.2.weight")
    nothing_left(rest, "fairseq")
    return state


def check_fairseq_version(rest):
    """Take `version` out of fairseq's weights; without it, or with another, they are refused."""
    version = rest.pop("version", None)
    if version is None:
        raise ValueError("there is no 'version': these weights are from before fairseq's fix of "
                         "buggy_offset (cluster columns off by one) and cannot be used as they are")
    if np.asarray(version).tolist() != [1]:
        raise ValueError(f"fairseq's AdaptiveSoftmax has version 1, but found {version}")


def to_fairseq(state):
    """The inverse of `from_fairseq`; fairseq has no bias in the head."""
    rest = dict(state)
    _no_bias(rest, "fairseq")
    weights = {"head.weight": _take(rest, "head.weight")}
    for i in range(count(rest, "tail.{}.0.weight")):
        weights[f"tail.{i}.0.weight"] = _take(rest, f"tail.{i}.0.weight")
        weights[f"tail.{i}.2.weight"] = _take(rest, f"tail.{i}.1.weight")
    nothing_left(rest, "PyTorch")
    weights["version"] = np.array([1], np.int64)
    return weights


def from_lua(weights, cutoff=None):
    """From the paper's own Lua code (facebookresearch/adaptive-softmax).

    Parameters
    ----------
    weights : mapping
        `head.weight`, and of `tail[i]:get(1)`, `tail[i]:get(2)`: `tail.{i}.1.weight`,
        `tail.{i}.2.weight`, where i begins at 1.
    cutoff : sequence of int, optional
        Its `cutoff` table, which ends with the number of classes: checked against the sizes.  Its
        targets count from 1; here they count from 0.
    """
    rest = dict(weights)
    state = {"head.weight": _take(rest, "head.weight")}
    for i in range(count(rest, "tail.{}.1.weight", first=1)):
        state[f"tail.{i}.0.weight"] = _take(rest, f"tail.{i + 1}.1.weight")
        state[f"tail.{i}.1.weight"] = _take(rest, f"tail.{i + 1}.2.weight")
    nothing_left(rest, "the Lua code")
    if cutoff is not None:
        sizes = [len(array) for name, array in state.items() if name.endswith(".1.weight")]
        first = len(state["head.weight"]) - len(sizes)
        found = np.cumsum([first, *sizes]).tolist()
        if list(cutoff) != found:
            raise ValueError(f"cutoff is {list(cutoff)}, but the weights make it {found}")
    return state


def to_lua(state):
    """The inverse of `from_lua`.  The code's `cutoff` is the layer's `cutoffs`, as it stands."""
    rest = dict(state)
    _no_bias(rest, "the Lua code")
    weights = {"head.weight": _take(rest, "head.weight")}
    for i in range(count(rest, "tail.{}.0.weight")):
        weights[f"tail.{i + 1}.1.weight"] = _take(rest, f"tail.{i}.0.weight")
        weights[f"tail.{i + 1}.2.weight"] = _take(rest, f"tail.{i}.1.weight")
    nothing_left(rest, "PyTorch")
    return weights


def check_libtorch(layer):
    """Refuse a layer that PyTorch's C++ front end cannot build; names and arrays are the same.

    It computes floor(D / pow(div_value, i + 1)), which rounds before it floors: 640 for
    1024 / 1.6, where Python's 1024 // 1.6 is 639.  And it cannot build a hidden size of 0.

    Examples
    --------
    >>> from npadasoft import AdaptiveLogSoftmaxWithLoss
    >>> check_libtorch(AdaptiveLogSoftmaxWithLoss(11, 8, [4], div_value=1.1))
    Traceback (most recent call last):
        ...
    ValueError: libtorch gives cluster 0 the hidden size 10 for div_value 1.1, but the layer has 9
    """
    for i, size in enumerate(layer.hidden_sizes):
        if size == 0:
            raise ValueError(f"libtorch cannot build cluster {i}: its hidden size is 0")
        if layer.div_value is None:
            raise ValueError("libtorch needs a div_value, and the layer's sizes follow none")
        theirs = math.floor(layer.in_features / layer.div_value ** (i + 1))
        if theirs != size:
            raise ValueError(f"libtorch gives cluster {i} the hidden size {theirs} for div_value "
                             f"{layer.div_value}, but the layer has {size}")


def count(weights, pattern, first=0):
    """How many numbers, from `first` on, make a name of `pattern` that is in `weights`."""
    n = 0
    while pattern.format(first + n) in weights:
        n += 1
    return n


def _take(rest, name, transpose=False):
    """The array `name`, taken out of `rest`: in C order, its numbers as they are."""
    if name not in rest:
        raise ValueError(f"there is no {name!r}, but {sorted(map(str, rest))[:8]}")
    array = np.asarray(rest.pop(name))
    return np.array(array.T if transpose else array, order="C")


def nothing_left(rest, framework):
    """Refuse what has no place in the layer."""
    if rest:
        raise ValueError(f"{framework}'s weights hold what has no place in the layer: "
                         f"{', '.join(map(repr, list(rest)[:8]))}")


def _no_bias(rest, framework):
    if "head.bias" in rest:
        raise ValueError(f"{framework} has no bias in the head: 'head.bias' cannot go there")
