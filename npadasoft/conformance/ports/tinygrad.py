"""The definition in tinygrad: `npadasoft conform --port tinygrad`  (pip install tinygrad).

Without clang it runs on tinygrad's device PYTHON, which interprets its kernels: the order of its
sums and its exp2 and log2 of everything are tinygrad's, and their rounding is Python's.
"""
import os

import numpy as np

from npadasoft.conformance.ports.primitives import Primitives


class Tinygrad(Primitives):
    """tinygrad's Tensor, log_softmax, gather and gradient."""

    def __init__(self):
        os.environ.setdefault("DEV", "PYTHON")
        try:
            import tinygrad
        except ImportError:
            raise ImportError("this port needs tinygrad: pip install tinygrad") from None
        from importlib.metadata import version
        self.Tensor = tinygrad.Tensor
        device = f"{version('tinygrad')}, device {os.environ['DEV']}"
        self.announce("tinygrad Tensor.log_softmax", device)

    def tensor(self, array):
        return self.Tensor(np.array(array, order="C"))

    def log_softmax(self, scores):
        return scores.log_softmax(-1)

    def concatenate(self, parts):
        return parts[0].cat(*parts[1:], dim=-1)

    def where(self, kept, x):
        return self.Tensor(np.array(np.broadcast_to(kept, x.shape))).where(x, 0)

    def pick(self, log_p, y):
        return log_p.gather(-1, self.Tensor(np.array(y[..., None])))[..., 0]

    def numpy(self, tensor):
        return tensor.numpy()

    def gradients(self, total, weights, x):
        leaves = [x, *weights.values()]
        found = total(weights, x).gradient(*leaves)
        self.Tensor.realize(*found)             # one schedule for all
        arrays = [g.numpy() for g in found]
        return dict(zip(weights, arrays[1:])), arrays[0]
