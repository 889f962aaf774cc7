"""Adagrad: every weight has its own step, smaller the more it has moved. [Duchi et al. 2011]

    G += g²,      w -= rate · g / (√G + ε)
"""

from __future__ import annotations

import numpy as np

from npadasoft.training.model import Rows

BLOCK = 1 << 16         # numbers: the passes over a block stay in the cache


class Adagrad:
    """Adagrad on named arrays, in place.

    Parameters
    ----------
    arrays : dict of str to array
        What is to be trained.
    rate : float
    """

    def __init__(self, arrays, rate, epsilon=1e-8):
        self.arrays, self.rate, self.epsilon = arrays, rate, epsilon
        self.sums = {name: np.zeros_like(array) for name, array in arrays.items()}

    def step(self, gradients):
        """One step; `gradients` has an array or `Rows` for every name."""
        for name, array in self.arrays.items():
            gradient, total = gradients[name], self.sums[name]
            if isinstance(gradient, Rows):
                part = total[gradient.rows]
                array[gradient.rows] -= self._move(gradient.values, part)
                total[gradient.rows] = part
                continue
            flat = array.reshape(-1), total.reshape(-1), np.ascontiguousarray(gradient).reshape(-1)
            for start in range(0, array.size, BLOCK):
                w, g2, g = (a[start:start + BLOCK] for a in flat)
                w -= self._move(g, g2)

    def _move(self, gradient, total):
        """Add g² to `total`, and return rate · g / (√total + ε)."""
        move = gradient * gradient
        total += move
        np.sqrt(total, out=move)
        move += self.epsilon
        np.divide(gradient, move, out=move)
        move *= self.rate
        return move
