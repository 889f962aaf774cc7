"""The definition in the primitives of an array library, differentiated by that library.

Where no port of this layer was found, one in the straightforward style stands for the library: its
own log_softmax, all tails for all rows, its own automatic gradient.  Such a port witnesses the
vectors by another set of kernels, and shows what the style costs in accuracy.
"""
from abc import abstractmethod

import numpy as np

from npadasoft.conformance.ports.base import Port, Refused
from npadasoft.conformance.ports.foreign import PREDICTS
from npadasoft.conformance.wire.messages import PortInfo


class Primitives(Port):
    """The definition, in seven primitives that a library gives; a layer is (config, weights)."""

    ops: tuple[str, ...] = PREDICTS[1:]     # no shapes: a weight is whatever size it is given

    def announce(self, name, version, dtypes=("float64", "float32")):
        """Set `info`."""
        self.info = PortInfo(name, version, "python", dtypes=dtypes, ops=self.ops)

    # ------------------------------------------------------------ what a library gives

    @abstractmethod
    def tensor(self, array):
        """A NumPy array as the library's."""

    @abstractmethod
    def log_softmax(self, scores):
        """Over the last axis."""

    @abstractmethod
    def concatenate(self, parts):
        """Along the last axis."""

    @abstractmethod
    def where(self, kept, x):
        """`x` where the NumPy array `kept` is true, 0 elsewhere."""

    @abstractmethod
    def pick(self, log_p, y):
        """Entry y of each row; `y` is a NumPy array of integers."""

    @abstractmethod
    def gradients(self, total, weights, x):
        """(dict of dtotal/dweights, dtotal/dx), as NumPy arrays; total(weights, x) is a number."""

    def product(self, x, weight):
        """x @ weight.T"""
        return x @ weight.T

    def sum(self, tensor):
        """Over all entries."""
        return tensor.sum()

    def numpy(self, tensor):
        """The library's array as NumPy's."""
        return np.array(tensor)

    # ------------------------------------------------------------ the layer

    def build(self, config, params, dtype):
        return config, {name: self.tensor(np.array(a, order="C")) for name, a in params.items()}

    def _log_prob(self, config, weights, x):
        scores = self.product(x, weights["head.weight"])
        if "head.bias" in weights:
            scores = scores + weights["head.bias"]
        head, s = self.log_softmax(scores), config["cutoffs"][0]
        parts = [head[..., :s]]
        for i in range(len(config["cutoffs"])):
            hidden = self.product(x, weights[f"tail.{i}.0.weight"])
            scores = self.product(hidden, weights[f"tail.{i}.1.weight"])
            if f"tail.{i}.1.bias" in weights:
                scores = scores + weights[f"tail.{i}.1.bias"]
            tail = self.log_softmax(scores)
            parts.append(head[..., s + i:s + i + 1] + tail)
        return self.concatenate(parts)

    def _results(self, config, weights, x, target):
        ignored = config.get("ignore_index")
        kept = np.ones(target.shape, bool) if ignored is None else target != ignored
        if tuple(target.shape) != tuple(x.shape[:-1]):
            raise Refused("shape", f"targets of shape {target.shape} for input of {x.shape}")
        if np.any(kept & ((target < 0) | (target >= config["n_classes"]))):
            raise Refused("target", "a target is no class")
        if not kept.all():
            x = self.where(kept[..., None], x)
        output = self.pick(self._log_prob(config, weights, x), np.where(kept, target, 0))
        if not kept.all():
            output = self.where(kept, output)
        reduction = config.get("reduction", "mean")
        loss = -output if reduction == "none" else -self.sum(output)
        return {"output": output, "loss": loss / int(kept.sum()) if reduction == "mean" else loss}

    def forward(self, layer, input, target, want):
        config, weights = layer
        found = self._results(config, weights, self.tensor(input), target)
        return {name: self.numpy(a) for name, a in found.items()}

    def backward(self, layer, input, target, cotangents, want):
        def total(weights, x):
            found = self._results(layer[0], weights, x, target)
            return sum(self.sum(found[name] * self.tensor(a)) for name, a in cotangents.items())
        return self._named(total, layer, input)

    def log_prob(self, layer, input):
        config, weights = layer
        return self.numpy(self._log_prob(config, weights, self.tensor(input)))

    def log_prob_backward(self, layer, input, cotangent, want):
        def total(weights, x):
            return self.sum(self._log_prob(layer[0], weights, x) * self.tensor(cotangent))
        return self._named(total, layer, input)

    def predict(self, layer, input):
        return self.log_prob(layer, input).argmax(-1)

    def _named(self, total, layer, input):
        weights, x = self.gradients(total, layer[1], self.tensor(input))
        return {"grad.input": x, **{f"grad.{name}": g for name, g in weights.items()}}
