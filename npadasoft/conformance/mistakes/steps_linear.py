"""The head alone in the same steps: a layer without tails, whose labels may be smoothed."""
from typing import Any

import numpy as np


class Linear:
    """What `Layer` does for a configuration without cutoffs."""

    backward: Any
    config: Any
    forward: Any
    pick: Any
    pick_backward: Any

    def linear(self, x, y):
        return self.forward(x, y)

    def linear_backward(self, x, y, cotangents):
        return self.backward(x, y, cotangents)

    def shares(self, column, C, smoothing):
        """(M, C): what each class counts in a row's score; they sum to 1."""
        found = np.full((len(column), C), smoothing / C)
        found[np.arange(len(found)), column] += 1 - smoothing
        return found

    def labels(self, f):
        """(column, what it counts) of each label of the rows: one, or all where they are smoothed.
        """
        C, smoothing = f.a.shape[1], self.config.get("label_smoothing")
        if not smoothing:
            return [(f.column, f.a.dtype.type(1))]
        shares = self.shares(f.column, C, smoothing).astype(f.a.dtype)
        return [(np.full(len(shares), k), shares[:, k]) for k in range(C)]

    def scored(self, f):
        """log p of the labels in the head: (M,)."""
        return sum(share * self.pick(f.a, column) for column, share in self.labels(f))

    def scored_backward(self, f, q):
        """The gradient of the head's scores: (M, C)."""
        return sum(self.pick_backward(f.a, column, q * share) for column, share in self.labels(f))
