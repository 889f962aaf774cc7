"""Weights, gradients and directions are one typed tree: `Parameters`.

    D in_features   K columns of the head   H a cluster's hidden size   O its number of classes

The paths of its leaves are the keys of PyTorch's `state_dict`.
"""
from dataclasses import dataclass
from typing import Any

Array = Any


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear map x ↦ weight · x + bias."""

    weight: Array                   # (out, in)
    bias: Array | None = None       # (out,)


@dataclass(frozen=True, eq=False)
class Cluster:
    """The two maps of one cluster; neither has a bias."""

    projection: Linear              # weight (H, D)
    output: Linear                  # weight (O, H)


@dataclass(frozen=True, eq=False)
class Parameters:
    """The tree of the layer's arrays: weights, or anything with their shapes.

    Examples
    --------
    >>> import numpy as np
    >>> cluster = Cluster(Linear(np.ones((1, 2))), Linear(np.ones((4, 1))))
    >>> tree = Parameters(Linear(np.ones((3, 2))), (cluster,))
    >>> [path for path, _ in tree.items()]
    ['head.weight', 'tail.0.0.weight', 'tail.0.1.weight']
    >>> float(tree.map(lambda w, d: w - 0.5 * d, tree).head.weight[0, 0])
    0.5
    """

    head: Linear                    # weight (K, D), bias (K,) or None
    tail: tuple[Cluster, ...]

    def items(self):
        """Yield (path, array) in the order of PyTorch's `state_dict`."""
        yield "head.weight", self.head.weight
        if self.head.bias is not None:
            yield "head.bias", self.head.bias
        for i, cluster in enumerate(self.tail):
            yield f"tail.{i}.0.weight", cluster.projection.weight
            yield f"tail.{i}.1.weight", cluster.output.weight

    def map(self, function, *others):
        """A new tree of function(leaf, leaf of each other tree, ...).

        Raises
        ------
        ValueError
            If a tree has other leaves.
        """
        trees = [dict(tree.items()) for tree in (self, *others)]
        for tree in trees[1:]:
            if tree.keys() != trees[0].keys():
                raise ValueError(f"trees differ: {list(trees[0])} and {list(tree)}")
        return Parameters.from_items(
            {path: function(*(tree[path] for tree in trees)) for path in trees[0]})

    @classmethod
    def from_items(cls, arrays):
        """The tree whose leaves are in the mapping `arrays`, by path; the inverse of `items`."""
        n_clusters = sum(path.endswith(".0.weight") for path in arrays)
        tail = tuple(
            Cluster(Linear(arrays[f"tail.{i}.0.weight"]), Linear(arrays[f"tail.{i}.1.weight"]))
            for i in range(n_clusters))
        return cls(Linear(arrays["head.weight"], arrays.get("head.bias")), tail)


def state_shapes(in_features, cutoffs, hidden_sizes, head_bias):
    """Path and shape of every array of a layer, in the order of PyTorch's `state_dict`."""
    shapes: dict[str, tuple[int, ...]] = {"head.weight": (cutoffs.head_size, in_features)}
    if head_bias:
        shapes["head.bias"] = (cutoffs.head_size,)
    for i, size in enumerate(hidden_sizes):
        shapes[f"tail.{i}.0.weight"] = (size, in_features)
        shapes[f"tail.{i}.1.weight"] = (cutoffs.cluster_size(i), size)
    return shapes


def state_errors(found, wanted):
    """What keeps arrays of shapes `found` from being a state of shapes `wanted`: all of it, or ''.

    Both are mappings from paths to shapes (a wanted None is any shape); the words are PyTorch's.
    """
    def quoted(keys):
        return ", ".join(f'"{key}"' for key in keys)

    missing = [key for key in wanted if key not in found]
    unexpected = [key for key in found if key not in wanted]
    lines = []
    if missing:
        lines.append(f"Missing key(s) in state_dict: {quoted(missing)}.")
    if unexpected:
        lines.append(f"Unexpected key(s) in state_dict: {quoted(unexpected)}.")
    lines += [f"size mismatch for {key}: copying a param with shape {tuple(found[key])} "
              f"from checkpoint, the shape in current model is {shape}."
              for key, shape in wanted.items()
              if key in found and shape is not None and tuple(found[key]) != shape]
    return "".join("\n\t" + line for line in lines)


def state_sizes(shapes):
    """What the shapes of a `state_dict` say about the layer.

    Parameters
    ----------
    shapes : mapping from str to tuple
        Shape of the array at each path.

    Returns
    -------
    in_features : int
    cutoffs : list of int
        With the number of classes at the end.
    hidden_sizes : tuple of int

    Raises
    ------
    ValueError
        If keys are missing or unexpected, or a weight is no matrix.
    """
    n_clusters = max(1, sum(path.startswith("tail.") for path in shapes) // 2)
    weights = ["head.weight", *(f"tail.{i}.{k}.weight" for i in range(n_clusters) for k in (0, 1))]
    wanted = dict.fromkeys(weights)
    if "head.bias" in shapes:
        wanted["head.bias"] = None
    refuse(state_errors(shapes, wanted))
    refuse("".join(f"\n\t{key} should be a matrix, but found shape {tuple(shapes[key])}"
                   for key in weights if len(shapes[key]) != 2))
    first = shapes["head.weight"][0] - n_clusters
    cutoffs = [first]
    for i in range(n_clusters):
        cutoffs.append(cutoffs[-1] + shapes[f"tail.{i}.1.weight"][0])
    hidden = tuple(shapes[f"tail.{i}.0.weight"][0] for i in range(n_clusters))
    return shapes["head.weight"][1], cutoffs, hidden


def refuse(errors):
    """Raise what `state_errors` found, if anything."""
    if errors:
        raise ValueError("Error(s) in loading state_dict for AdaptiveLogSoftmaxWithLoss:" + errors)
