"""The definition in JAX, differentiated by JAX: `npadasoft conform --port jax`  (pip install
jax).

No JAX port of this layer was found, so this one is ours, in the straightforward style:
jax.nn.log_softmax, all clusters for all rows, jax.grad. It witnesses the vectors by another
autograd, and shows what that style costs in accuracy.
"""
import numpy as np

from npadasoft.conformance.ports.base import Port, Refused
from npadasoft.conformance.ports.foreign import PREDICTS
from npadasoft.conformance.wire.messages import PortInfo


class Jax(Port):
    """JAX on a CPU, with x64 enabled."""

    def __init__(self):
        try:
            import jax
        except ImportError:
            raise ImportError("this port needs JAX: pip install jax") from None
        jax.config.update("jax_enable_x64", True)
        self.jax = jax
        self.info = PortInfo("jax.nn.log_softmax", jax.__version__, "python",
                             dtypes=("float64", "float32"),
                             ops=PREDICTS[1:])

    def build(self, config, params, dtype):
        self.jax.clear_caches()             # every case has shapes of its own
        return config, {name: self.jax.numpy.asarray(a) for name, a in params.items()}

    def _log_prob(self, config, weights, x):
        jnp, log_softmax = self.jax.numpy, self.jax.nn.log_softmax
        head = log_softmax(x @ weights["head.weight"].T + weights.get("head.bias", 0))
        s = config["cutoffs"][0]
        parts = [head[..., :s]]
        for i in range(len(config["cutoffs"])):
            hidden = x @ weights[f"tail.{i}.0.weight"].T
            tail = log_softmax(hidden @ weights[f"tail.{i}.1.weight"].T)
            parts.append(head[..., s + i, None] + tail)
        return jnp.concatenate(parts, -1)

    def _results(self, config, weights, x, target):
        kept = target != config.get("ignore_index") if config.get("ignore_index") is not None else (
            np.ones(target.shape, bool))
        if target.shape != x.shape[:-1]:
            raise Refused("shape", f"targets of shape {target.shape} for input of {x.shape}")
        if np.any(kept & ((target < 0) | (target >= config["n_classes"]))):
            raise Refused("target", "a target is no class")
        jnp, y = self.jax.numpy, np.where(kept, target, 0)
        x = jnp.where(kept[..., None], x, 0)
        log_p = self._log_prob(config, weights, x)
        output = jnp.where(kept, jnp.take_along_axis(log_p, y[..., None], -1)[..., 0], 0)
        reduction = config.get("reduction", "mean")
        loss = -output if reduction == "none" else -output.sum()
        return {"output": output, "loss": loss / kept.sum() if reduction == "mean" else loss}

    def forward(self, layer, input, target, want):
        config, weights = layer

        def results(weights, x):
            return self._results(config, weights, x, target)
        return self.jax.jit(results)(weights, input)

    def backward(self, layer, input, target, cotangents, want):
        def total(weights, x):
            found = self._results(layer[0], weights, x, target)
            return sum((found[name] * a).sum() for name, a in cotangents.items())
        return self._gradients(total, layer, input)

    def log_prob(self, layer, input):
        config, weights = layer
        return self.jax.jit(lambda weights, x: self._log_prob(config, weights, x))(weights, input)

    def log_prob_backward(self, layer, input, cotangent, want):
        def total(weights, x):
            return (self._log_prob(layer[0], weights, x) * cotangent).sum()
        return self._gradients(total, layer, input)

    def predict(self, layer, input):
        return self.log_prob(layer, input).argmax(-1)

    def _gradients(self, total, layer, input):
        weights, x = self.jax.jit(self.jax.grad(total, (0, 1)))(layer[1], input)
        return {"grad.input": x, **{f"grad.{name}": g for name, g in weights.items()}}
