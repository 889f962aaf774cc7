"""Weights, gradients and directions are one typed tree: `Parameters`, of an input `Bands`.

    D in_features   K columns of the head   H a tail's hidden size   O its number of classes

The paths of the layer's leaves are the keys of PyTorch's `state_dict`.
"""
from dataclasses import dataclass
from typing import Any, NamedTuple

Array = Any


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear map x ↦ weight · x + bias."""

    weight: Array                   # (out, in)
    bias: Array | None = None       # (out,)

    def __repr__(self):
        bias = "" if self.bias is None else ", bias"
        return f"Linear({_size(self.weight)}{bias})"


@dataclass(frozen=True, eq=False)
class Cluster:
    """The two maps of one tail."""

    projection: Linear              # weight (H, D), no bias
    output: Linear                  # weight (O, H), bias (O,) or None


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

    def __repr__(self):
        lines = [f"  {path:<15} {_size(leaf)}" for path, leaf in self.items()]
        return "\n".join(["Parameters(", *lines, ")"])

    def items(self):
        """Yield (path, array) in the order of PyTorch's `state_dict`."""
        yield "head.weight", self.head.weight
        if self.head.bias is not None:
            yield "head.bias", self.head.bias
        for i, cluster in enumerate(self.tail):
            yield f"tail.{i}.0.weight", cluster.projection.weight
            yield f"tail.{i}.1.weight", cluster.output.weight
            if cluster.output.bias is not None:
                yield f"tail.{i}.1.bias", cluster.output.bias

    def map(self, function, *others):
        """A new tree of function(leaf, leaf of each other tree, ...).

        Raises
        ------
        ValueError
            If a tree has other leaves.
        """
        return _mapped(function, self, *others)

    @classmethod
    def from_items(cls, arrays):
        """The tree whose leaves are in the mapping `arrays`, by path; the inverse of `items`."""
        n_clusters = sum(path.endswith(".0.weight") for path in arrays)
        tail = tuple(
            Cluster(Linear(arrays[f"tail.{i}.0.weight"]),
                    Linear(arrays[f"tail.{i}.1.weight"], arrays.get(f"tail.{i}.1.bias")))
            for i in range(n_clusters))
        return cls(Linear(arrays["head.weight"], arrays.get("head.bias")), tail)


@dataclass(frozen=True, eq=False)
class Band:
    """The vectors of one band of an adaptive input, and what makes them as long as the model's."""

    embedding: Array                    # (O, H)
    projection: Array | None = None     # (H, D), None where H is D already


class Bands(NamedTuple):
    """The tree of an adaptive input's arrays."""

    bands: tuple[Band, ...]

    def items(self):
        """Yield (path, array): `bands.{b}.embedding`, and `bands.{b}.projection` where it is."""
        for b, band in enumerate(self.bands):
            yield f"bands.{b}.embedding", band.embedding
            if band.projection is not None:
                yield f"bands.{b}.projection", band.projection

    def map(self, function, *others):
        """As that of `Parameters`."""
        return _mapped(function, self, *others)

    @classmethod
    def from_items(cls, arrays):
        """As that of `Parameters`."""
        n = sum(path.endswith(".embedding") for path in arrays)
        return cls(tuple(Band(arrays[f"bands.{b}.embedding"], arrays.get(f"bands.{b}.projection"))
                         for b in range(n)))


def _mapped(function, tree, *others):
    """The tree of function(leaf, leaf of each other tree, ...)."""
    leaves = [dict(each.items()) for each in (tree, *others)]
    for each in leaves[1:]:
        if each.keys() != leaves[0].keys():
            raise ValueError(f"trees differ: {list(leaves[0])} and {list(each)}")
    return type(tree).from_items({path: function(*(each[path] for each in leaves))
                                  for path in leaves[0]})


def _size(leaf):
    """Shape and dtype of a leaf, or the leaf itself if it is no array."""
    if not hasattr(leaf, "shape"):
        return repr(leaf)
    return f"({', '.join(map(str, leaf.shape))}) {leaf.dtype}"
