"""The definition in JAX: `npadasoft conform --port jax`  (pip install jax)."""
from npadasoft.conformance.ports.foreign import ALONG, PREDICTS
from npadasoft.conformance.ports.primitives import Primitives


class Jax(Primitives):
    """JAX on a CPU, with x64 enabled; log_softmax and take_along_axis, each call compiled."""

    ops = (*PREDICTS[1:], *ALONG)

    def __init__(self):
        try:
            import jax
        except ImportError:
            raise ImportError("this port needs JAX: pip install jax") from None
        jax.config.update("jax_enable_x64", True)
        self.jax, self.np, self.built = jax, jax.numpy, 0
        self.announce("jax.nn.log_softmax", jax.__version__)

    def build(self, config, params, dtype):
        self.built += 1
        if self.built % 64 == 0:            # the requests of a case share what was compiled for it,
            self.jax.clear_caches()         # and few cases share their shapes
        return super().build(config, params, dtype)

    def tensor(self, array):
        return self.jax.device_put(array)   # jax.numpy.asarray compiles something

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

    def jvp(self, layer, input, target, tangents, want):
        found = self._along(lambda weights, x: self._results(layer[0], weights, x, target), layer,
                            input, tangents)
        return {f"jvp.{name}": self.numpy(a) for name, a in found.items()}

    def log_prob_jvp(self, layer, input, tangents):
        return self.numpy(self._along(lambda weights, x: self._log_prob(layer[0], weights, x),
                                      layer, input, tangents))

    def hvp(self, layer, input, target, cotangents, tangents, want):
        """Forward mode over reverse mode."""
        def total(weights, x):
            found = self._results(layer[0], weights, x, target)
            return sum((found[name] * self.tensor(a)).sum() for name, a in cotangents.items())
        weights, dx = self._along(self.jax.grad(total, (0, 1)), layer, input, tangents)
        return {"hvp.input": self.numpy(dx),
                **{f"hvp.{name}": self.numpy(w) for name, w in weights.items()}}

    def _along(self, function, layer, input, tangents):
        """How function(weights, x) moves; what has no tangent stands still."""
        weights, x = layer[1], self.tensor(input)
        d = {name: self.tensor(tangents[name]) if name in tangents else 0 * w
             for name, w in weights.items()}
        dx = self.tensor(tangents["input"]) if "input" in tangents else 0 * x
        return self.jax.jit(lambda at, along: self.jax.jvp(function, at, along)[1])(
            (weights, x), (d, dx))
