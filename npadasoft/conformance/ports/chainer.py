"""The definition in Chainer: `npadasoft conform --port chainer`  (NumPy before 1.24, see renew.sh).
"""
import math

import numpy as np

from npadasoft.conformance.ports.primitives import Primitives


class Chainer(Primitives):
    """Chainer on a CPU; F.log_softmax, F.select_item and Variable.backward."""

    def __init__(self):
        try:
            import chainer
        except ImportError:
            raise ImportError("this port needs Chainer: pip install chainer") from None
        self.Variable, self.F = chainer.Variable, chainer.functions
        self.announce("chainer.functions.log_softmax", chainer.__version__)

    def tensor(self, array):
        return self.Variable(np.array(array, order="C"))

    def product(self, x, weight):
        rows = self._rows(x)
        product = self.F.matmul(rows, self.F.transpose(weight))
        return self.F.reshape(product, (*x.shape[:-1], weight.shape[0]))

    def log_softmax(self, scores):
        return self.F.log_softmax(scores, axis=scores.ndim - 1)

    def concatenate(self, parts):
        return self.F.concat(parts, axis=parts[0].ndim - 1)

    def where(self, kept, x):
        kept = np.array(np.broadcast_to(kept, x.shape))
        return self.F.where(kept, x, np.zeros(x.shape, x.dtype))

    def pick(self, log_p, y):
        picked = self.F.select_item(self._rows(log_p), y.reshape(-1).astype(np.int32))
        return self.F.reshape(picked, y.shape)

    def sum(self, tensor):
        return self.F.sum(tensor)

    def numpy(self, tensor):
        return np.array(tensor.array)

    def gradients(self, total, weights, x):
        total(weights, x).backward()
        zero = {name: np.zeros(a.shape, a.dtype) for name, a in weights.items()}
        return {name: zero[name] if a.grad is None else a.grad for name, a in weights.items()}, (
            np.zeros(x.shape, x.dtype) if x.grad is None else x.grad)

    def _rows(self, x):
        return self.F.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
