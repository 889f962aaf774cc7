"""The definition in JAX: `npadasoft conform --port jax`  (pip install jax)."""
from npadasoft.conformance.ports.primitives import Primitives


class Jax(Primitives):
    """JAX on a CPU, with x64 enabled; log_softmax and take_along_axis, each call compiled."""

    def __init__(self):
        try:
            import jax
        except ImportError:
            raise ImportError("this port needs JAX: pip install jax") from None
        jax.config.update("jax_enable_x64", True)
        self.jax, self.np = jax, jax.numpy
        self.announce("jax.nn.log_softmax", jax.__version__)

    def build(self, config, params, dtype):
        self.jax.clear_caches()             # every case has shapes of its own
        return super().build(config, params, dtype)

    def tensor(self, array):
        return self.np.asarray(array)

    def log_softmax(self, scores):
        return self.jax.nn.log_softmax(scores)

    def concatenate(self, parts):
        return self.np.concatenate(parts, -1)

    def where(self, kept, x):
        return self.np.where(kept, x, 0)

    def pick(self, log_p, y):
        return self.np.take_along_axis(log_p, y[..., None], -1)[..., 0]

    def gradients(self, total, weights, x):
        g, x = self.jax.jit(self.jax.grad(total, (0, 1)))(weights, x)
        return {name: self.numpy(a) for name, a in g.items()}, self.numpy(x)
