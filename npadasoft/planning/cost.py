"""What a softmax costs, in classes: rows of the output matrix that every example must meet.

The time of a (B, D) by (D, k) product is modelled as c + λ·max(k₀B₀, k·B) [Grave et al. 2017, arXiv
1609.04309, equation 5 and its batched form].  Divided by λ·B it is counted in classes:

    g(k, share) = overhead + max(floor, share · k)        overhead = c / (λB),  floor = k₀B₀ / B

where share is the part of the batch that reaches the product.  With overhead = floor = 0 this is
the paper's equation 9 without its constant.  Gather, scatter and the exponentials are not modelled,
nor is accuracy.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Cost:
    """The constants of the model.

    Parameters
    ----------
    floor : float, classes
        Below this size a product gets no cheaper.
    overhead : float, classes
        The constant part of each product.
    features : int, optional
        in_features D; given together with `div_value`, tail i is charged for its own hidden size d
        = D // div_value**(i+1): d/D per class, and d more for its projection.  The optimum then
        degenerates (deep tails look free), so ask for a head coverage and a least tail size
        as well.
    div_value : float, default 4.0
    """

    floor: float = 0.0
    overhead: float = 0.0
    features: int | None = None
    div_value: float = 4.0

    def __post_init__(self):
        for name in ("floor", "overhead"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} should be finite and at least 0, but found {value}")
        if self.features is not None and self.features < 1:
            raise ValueError(f"features should be at least 1, but found {self.features}")
        if not self.div_value > 0:
            raise ValueError(f"div_value should be a positive number, but found {self.div_value}")

    def product(self, work):
        """g: the cost of one product, from share · k."""
        return self.overhead + np.maximum(self.floor, work)

    def tail(self, i, share, size):
        """Cost of tail i of `size` classes that `share` of the batch reaches."""
        if self.features is None:
            return self.product(share * size)
        hidden = int(self.features // self.div_value ** (i + 1))
        return self.product(share * (hidden / self.features) * (size + self.features))

    def full(self, n_classes):
        """Cost of the full softmax."""
        return float(self.product(n_classes))

    def of(self, counts, cutoffs):
        """Cost of given cutoffs.

        Examples
        --------
        Head 2 + 1, and half of the batch meets the tail of 4:

        >>> Cost().of([2, 1, 1, 1, 1, 0], [2])
        5.0
        """
        counts = np.asarray(counts, dtype=np.float64)
        edges = [0, *cutoffs, len(counts)]
        below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
        total = self.product(cutoffs[0] + len(cutoffs))
        for i, (a, b) in enumerate(zip(edges[1:-1], edges[2:])):
            total += self.tail(i, below[b] - below[a], b - a)
        return float(total)
