"""The full softmax, with the face of the adaptive one: what is to be saved.

    N rows   D in_features   C n_classes

    Z = X Wᵀ,   log p = Z - log Σ exp Z,   loss = -mean log p[target]
    dZ = (p - onehot) / N,   dX = dZ W,   dW = dZᵀ X
"""

from __future__ import annotations

import numpy as np

from npadasoft import Gradients, Linear, Output, Parameters


class FullSoftmax:
    """log-softmax of one linear map over all classes, computed in place in blocks of rows."""

    def __init__(self, in_features, n_classes, *, dtype=np.float64, rng=None):
        bound = in_features ** -0.5
        weight = np.random.default_rng(rng).uniform(-bound, bound, (n_classes, in_features))
        self.parameters = Parameters(Linear(weight.astype(dtype)), ())

    def __call__(self, x, target):
        """`Output`: log-probabilities of the targets (N,), nats, and minus their mean."""
        log_p = np.concatenate([self._block(x[rows], target[rows])[0]
                                for rows in self._blocks(len(x))])
        return Output(log_p, -log_p.mean())

    def loss_and_gradients(self, x, target):
        """The loss, and `Gradients` of it."""
        weight = self.parameters.head.weight
        total, dx, dweight = 0.0, np.empty_like(x), None
        for rows in self._blocks(len(x)):
            log_p, dz = self._block(x[rows], target[rows])
            total = total - log_p.sum()
            dz[np.arange(len(dz)), target[rows]] -= 1               # (M, C) p - onehot
            dz /= len(x)
            dx[rows] = dz @ weight
            part = dz.T @ x[rows]
            dweight = part if dweight is None else dweight + part
        return total / len(x), Gradients(dx, Parameters(Linear(dweight), ()))

    def sample(self, x, rng):
        """One class from the distribution of each row: (N,)."""
        p = self._block(x, np.zeros(len(x), dtype=np.int64))[1].astype(np.float64)
        running = np.cumsum(p, axis=1)
        u = np.random.default_rng(rng).random((len(x), 1))
        return (running > u * running[:, -1:]).argmax(1)

    def _block(self, x, target):
        """log p of the targets (M,), and p (M, C)."""
        z = x @ self.parameters.head.weight.T                       # (M, C), then in place
        z -= z.real.max(axis=1, keepdims=True)
        picked = z[np.arange(len(z)), target]
        np.exp(z, out=z)
        total = z.sum(axis=1, keepdims=True)
        z /= total
        return picked - np.log(total[:, 0]), z

    def _blocks(self, n):
        weight = self.parameters.head.weight
        rows = max(1, 2 ** 28 // (len(weight) * weight.itemsize))   # 256 MB, as the layer's default
        return [slice(i, i + rows) for i in range(0, n, rows)]
