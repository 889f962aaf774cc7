"""The definition in MLX on a CPU: `npadasoft conform --port mlx`  (pip install mlx mlx-cpu).

Its float64 is asked too, though exp, and with it log-sum-exp, is computed in float32 there.
"""
from npadasoft.conformance.ports.primitives import Primitives


class Mlx(Primitives):
    """MLX on a CPU, lazily, as it comes; mlx.nn's log_softmax and take_along_axis."""

    def __init__(self):
        try:
            import mlx.core as mx
            import mlx.nn as nn
        except ImportError:
            raise ImportError("this port needs MLX: pip install mlx mlx-cpu") from None
        mx.set_default_device(mx.cpu)
        mx.disable_compile()                # on a CPU it ended the process, for one class in a tail
        self.mx, self.nn = mx, nn
        self.announce("mlx.nn.log_softmax", mx.__version__)

    def tensor(self, array):
        return self.mx.array(array, dtype=getattr(self.mx, array.dtype.name))

    def log_softmax(self, scores):
        return self.nn.log_softmax(scores)

    def concatenate(self, parts):
        return self.mx.concatenate(parts, -1)

    def where(self, kept, x):
        return self.mx.where(self.mx.array(kept), x, self.mx.zeros_like(x))

    def pick(self, log_p, y):
        return self.mx.take_along_axis(log_p, self.mx.array(y[..., None]), -1)[..., 0]

    def gradients(self, total, weights, x):
        g, x = self.mx.grad(total, (0, 1))(weights, x)
        return {name: self.numpy(a) for name, a in g.items()}, self.numpy(x)
