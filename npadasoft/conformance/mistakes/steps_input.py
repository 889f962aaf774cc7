"""Steps of an adaptive input, for `Layer`: its weights are the tables and projections of bands.

    N indices   D features   of band b:  N_b indices   O_b classes   H_b numbers of a vector
"""
from types import SimpleNamespace
from typing import Any

import numpy as np

from npadasoft.conformance.ports.base import Refused


class Input:
    """What `Layer` takes on the way through `embed` and `embed_backward`."""

    config: Any
    edges: Any
    p: Any
    shaped: Any

    def read_index(self, index):
        return index

    def check_index(self, index):
        if index.size and not 0 <= index.min() <= index.max() < self.config["n_classes"]:
            raise Refused("target", f"indices from {index.min()} to {index.max()}")
        return index

    def is_padding(self, index):
        """(N,) bool: what reads zeros."""
        padding = self.config.get("padding_index")
        return np.zeros(index.shape, bool) if padding is None else index == padding

    def band_of(self, index):
        return np.searchsorted(self.edges[:-1], index, side="right")

    def first_of(self, b):
        """The first class of band b."""
        return 0 if b == 0 else self.edges[b - 1]

    def place_in(self, index, b):
        return index - self.first_of(b)

    def table(self, b):
        return self.p[f"bands.{b}.embedding"]

    def projection_of(self, b):
        """(H_b, D), or None."""
        return self.p.get(f"bands.{b}.projection")

    def scale(self, b):
        return self.config["in_features"] ** 0.5 if self.config.get("scaled") else 1.0

    def scale_back(self, b):
        return self.scale(b)

    def routed(self, index):
        """Which indices read which place of which band."""
        index = self.read_index(index)
        f = SimpleNamespace(lead=index.shape, flat=index.reshape(-1))
        kept = np.flatnonzero(~self.is_padding(f.flat))
        classes = self.check_index(f.flat[kept])
        bands = self.band_of(classes)
        f.rows = [kept[bands == b] for b in range(len(self.edges))]
        f.place = [self.place_in(classes[bands == b], b) for b in range(len(self.edges))]
        return f

    def vectors(self, f, b):
        return self.table(b)[f.place[b]]

    def project(self, vectors, b):
        projection = self.projection_of(b)
        return vectors if projection is None else vectors @ projection

    def embed(self, index):
        f = self.routed(index)
        found = np.zeros((f.flat.size, self.config["in_features"]), self.table(0).dtype)
        for b, rows in enumerate(f.rows):
            found[rows] = self.project(self.vectors(f, b), b) * self.scale(b)
        return self.shaped(found, f.lead)

    def vector_gradient(self, g, b):
        projection = self.projection_of(b)
        return g if projection is None else g @ projection.T

    def projection_gradient_of(self, vectors, g, b):
        return vectors.T @ g

    def summed(self, g, place, n):
        """Row r is the sum of what arrives at place r."""
        found = np.zeros((n, g.shape[1]), g.dtype)
        np.add.at(found, place, g)
        return found

    def embed_backward(self, index, grad):
        f = self.routed(index)
        grad, found = grad.reshape(f.flat.size, self.config["in_features"]), {}
        for b, rows in enumerate(f.rows):
            g = grad[rows] * self.scale_back(b)
            found[f"grad.bands.{b}.embedding"] = self.summed(
                self.vector_gradient(g, b), f.place[b], len(self.table(b)))
            if self.projection_of(b) is not None:
                found[f"grad.bands.{b}.projection"] = self.projection_gradient_of(
                    self.vectors(f, b), g, b)
        return found
