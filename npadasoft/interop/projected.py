"""Weights of layers that are built otherwise, brought into this one: import only.

    D in_features   E length of a word's vector   s size of the short-list   J clusters

Transformer-XL, its copy in Hugging Face's transformers, gluon-nlp and keras-adaptive-softmax
project the input before the head, and give every class a bias, those in clusters too:
`tail.{i}.1.bias` here.

* The projection of the head is multiplied in: H = [W; clusters] Qᵀ.  The product is computed in
  float64 and rounded once to the weights' dtype, so that each entry of H is within one unit
  roundoff u of exact, and a logit x·H within u·Σ|x||H| of what exact factors would give.  The two
  factors themselves, and their gradients, are lost.
* For a layer without biases in its tails (PyTorch's own, most ports), `fold=True` makes of each a
  column of the tail's second matrix, fed by one more hidden unit that copies a constant 1, the
  input's last feature.  No number is rounded.  The input grows to D + 1 features (`with_constant`),
  the hidden sizes grow by 1 and follow no div_value.
"""
from typing import NamedTuple

import numpy as np

from npadasoft.interop.layouts import check_fairseq_version, count, nothing_left


class Imported(NamedTuple):
    """A state dict under PyTorch's names, and whether its inputs need `with_constant`."""

    state: dict
    constant: bool


def with_constant(x):
    """`x` (..., D) with a last feature of 1: (..., D + 1).

    Examples
    --------
    >>> with_constant(np.zeros((1, 2))).tolist()
    [[0.0, 0.0, 1.0]]
    """
    return np.concatenate([x, np.ones((*x.shape[:-1], 1), x.dtype)], axis=-1)


def from_transfo_xl(weights, cutoffs=None, *, fold=False):
    """From Transformer-XL's own `ProjectedAdaptiveLogSoftmax`: cluster columns descend.

    Parameters
    ----------
    weights : mapping
        `cluster_weight`, `cluster_bias`, `out_layers.{i}.weight`, `out_layers.{i}.bias`, and
        `out_projs.{i}` (D, E_i) where there are any.
    cutoffs : sequence of int
        Needed with div_val 1 only, where one table holds all classes.
    fold : bool
        Whether biases of tails become hidden units.

    Returns
    -------
    Imported
    """
    return _transfo_xl(weights, cutoffs, fold, descending=True)


def from_hf_transfo_xl(weights, cutoffs=None, *, fold=False):
    """From Hugging Face's TransfoXL (the part under `crit.`): cluster columns ascend."""
    return _transfo_xl(weights, cutoffs, fold, descending=False)


def _transfo_xl(weights, cutoffs, fold, descending):
    rest = dict(weights)
    if "cluster_weight" not in rest:
        raise ValueError("there is no 'cluster_weight': without clusters this is a plain softmax")
    step = -1 if descending else 1
    clusters = _pop(rest, "cluster_weight")[::step]
    cluster_bias = _pop(rest, "cluster_bias")[::step]
    tables = [(_pop(rest, f"out_layers.{i}.weight"), _pop(rest, f"out_layers.{i}.bias"))
              for i in range(count(rest, "out_layers.{}.weight"))]
    if len(tables) == 1:
        tables = _split(*tables[0], cutoffs, len(clusters))
    projections = [_pop(rest, f"out_projs.{i}").T if f"out_projs.{i}" in rest else None
                   for i in range(len(tables))]
    nothing_left(rest, "Transformer-XL")
    return _assemble(tables, projections, clusters, cluster_bias, fold)


def _split(table, bias, cutoffs, n_clusters):
    """One table of all classes (div_val 1) as short-list and clusters."""
    if cutoffs is None or len(cutoffs) != n_clusters:
        raise ValueError(f"with div_val 1 one table holds all {len(table)} classes: cutoffs= must "
                         f"name the {n_clusters} cuts, but found {cutoffs}")
    return list(zip(np.split(table, list(cutoffs)), np.split(bias, list(cutoffs))))


def from_gluon_nlp(weights, cutoffs=None, *, fold=False):
    """From gluon-nlp's `ProjectedAdaptiveLogSoftmaxWithLoss`: cluster columns descend.

    Parameters
    ----------
    weights : mapping
        `tail_cluster_score_proj.weight`, `out_proj_l.{i}.weight`, `inter_proj_l.{i}.weight` (E, D)
        where the input is projected, and biases by the same names where there are any.
    cutoffs : sequence of int
        Needed with div_val 1 only.
    """
    rest = dict(weights)
    if "tail_cluster_score_proj.weight" not in rest:
        raise ValueError("there is no 'tail_cluster_score_proj.weight': without clusters this is a "
                         "plain softmax")
    clusters = _pop(rest, "tail_cluster_score_proj.weight")[::-1]
    bias = rest.pop("tail_cluster_score_proj.bias", None)
    tables = [(_pop(rest, f"out_proj_l.{i}.weight"), rest.pop(f"out_proj_l.{i}.bias", None))
              for i in range(count(rest, "out_proj_l.{}.weight"))]
    shared = len(tables) == 1                       # div_val 1
    if shared:
        table, all_bias = tables[0]
        zeros = np.zeros(len(table), table.dtype)
        tables = _split(table, zeros if all_bias is None else all_bias, cutoffs, len(clusters))
        tables = [(rows, None if all_bias is None else part) for rows, part in tables]
    projections = [rest.pop(f"inter_proj_l.{i}.weight", None)
                   for i in range(1 if shared else len(tables))]
    projections *= len(tables) if shared else 1
    nothing_left(rest, "gluon-nlp")
    return _assemble(tables, projections, clusters, None if bias is None else bias[::-1], fold)


def from_keras_adaptive_softmax(weights, *, fold=False):
    """From CyberZHG's `AdaptiveSoftmax` for Keras, with a div_val other than 1.

    Parameters
    ----------
    weights : mapping
        `kernel-cluster` (E, J), `embeddings-{i}` (O, E_i), `kernel-{i}` (E_i, D) where the input is
        projected, and `bias-cluster`, `bias-{i}` where there are any, with or without Keras's ":0".
        An embedding or a projection that is bound to the input's is to be put in.
    fold : bool
        Whether biases of tails become hidden units.

    Returns
    -------
    Imported
    """
    rest = {name.removesuffix(":0"): array for name, array in weights.items()}
    if "kernel-cluster" not in rest:
        raise ValueError("there is no 'kernel-cluster': without clusters this is a plain softmax")
    clusters, bias = _pop(rest, "kernel-cluster").T, rest.pop("bias-cluster", None)
    numbers = range(count(rest, "embeddings-{}"))
    tables = [(_pop(rest, f"embeddings-{i}"), rest.pop(f"bias-{i}", None)) for i in numbers]
    projections = [rest.pop(f"kernel-{i}", None) for i in numbers]
    nothing_left(rest, "keras-adaptive-softmax")
    return _assemble(tables, projections, clusters, bias, fold)


def from_fairseq_tied(weights, tie_proj=False):
    """From fairseq's `AdaptiveSoftmax` whose head or tails are tied to adaptive inputs.

    Parameters
    ----------
    weights : mapping
        `head.word_proj.weight` (or the pair `head.word_proj.0.weight`, `head.word_proj.1.weight`),
        `head.class_proj.weight`, `tail.{i}.0.weight`, `tail.{i}.2.weight`, `version`.
    tie_proj : bool
        fairseq's option of this name: the projections of the tails are then stored transposed.
    """
    rest = dict(weights)
    check_fairseq_version(rest)
    rest.pop("head._float_tensor", None)
    clusters = _pop(rest, "head.class_proj.weight")
    if "head.word_proj.1.weight" in rest:
        words = _pop(rest, "head.word_proj.1.weight")
        words = _product(words, _pop(rest, "head.word_proj.0.weight"))
    else:
        words = _pop(rest, "head.word_proj.weight")
    state = {"head.weight": np.concatenate([words, clusters])}
    for i in range(count(rest, "tail.{}.0.weight")):
        projection = _pop(rest, f"tail.{i}.0.weight")
        state[f"tail.{i}.0.weight"] = np.ascontiguousarray(projection.T if tie_proj else projection)
        state[f"tail.{i}.1.weight"] = _pop(rest, f"tail.{i}.2.weight")
    nothing_left(rest, "fairseq")
    return Imported(state, False)


def _assemble(tables, projections, clusters, cluster_bias, fold):
    """Tables of (vectors, bias), the first the short-list's, as a state dict."""
    (words, word_bias), tails = tables[0], tables[1:]
    if len(tails) != len(clusters):
        raise ValueError(f"{len(clusters)} cluster columns for {len(tails)} clusters")
    head = np.concatenate([words, clusters])                                    # (s + J, E)
    if projections[0] is not None:
        head = _product(head, projections[0])                                   # (s + J, D)
    state = {"head.weight": head}
    if word_bias is not None or cluster_bias is not None:
        state["head.bias"] = np.concatenate([
            np.zeros(len(part), head.dtype) if bias is None else bias
            for part, bias in ((words, word_bias), (clusters, cluster_bias))])
    biased = any(bias is not None for _, bias in tails)
    for i, (vectors, bias) in enumerate(tails):
        projection = projections[i + 1]
        state[f"tail.{i}.0.weight"] = (np.eye(head.shape[1], dtype=head.dtype)
                                       if projection is None else np.ascontiguousarray(projection))
        state[f"tail.{i}.1.weight"] = vectors
        if biased and not fold:
            state[f"tail.{i}.1.bias"] = np.zeros(len(vectors), head.dtype) if bias is None else bias
    if biased and fold:
        return Imported(_folded(state, [bias for _, bias in tails]), True)
    return Imported(state, False)


def _folded(state, biases):
    """`state` with a constant feature and, per cluster with a bias, a hidden unit to copy it."""
    folded = {"head.weight": _bordered(state["head.weight"])}
    if "head.bias" in state:
        folded["head.bias"] = state["head.bias"]
    for i, bias in enumerate(biases):
        projection, vectors = state[f"tail.{i}.0.weight"], state[f"tail.{i}.1.weight"]
        projection = _bordered(projection)                                      # (H, D + 1)
        if bias is not None:
            unit = np.zeros((1, projection.shape[1]), projection.dtype)
            unit[0, -1] = 1
            projection = np.concatenate([projection, unit])                     # (H + 1, D + 1)
            vectors = np.concatenate([vectors, bias[:, None]], axis=1)          # (O, H + 1)
        folded[f"tail.{i}.0.weight"], folded[f"tail.{i}.1.weight"] = projection, vectors
    return folded


def _bordered(matrix):
    """`matrix` with a last column of zeros, for the constant feature."""
    return np.concatenate([matrix, np.zeros((len(matrix), 1), matrix.dtype)], axis=1)


def _product(a, b):
    """a @ b, computed in float64 at least and rounded once."""
    wide = np.result_type(a.dtype, b.dtype, np.float64)
    return (a.astype(wide) @ b.astype(wide)).astype(np.result_type(a.dtype, b.dtype))


def _pop(rest, name):
    """The array `name`, taken out of `rest`."""
    if name not in rest:
        raise ValueError(f"there is no {name!r}, but {sorted(map(str, rest))[:8]}")
    return np.asarray(rest.pop(name))
