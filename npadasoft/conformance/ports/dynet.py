"""DyNet's ClassFactoredSoftmaxBuilder as our layer: `--port dynet`  (pip install dynet38).

Its classes of one word are our short-list, and its classifier our head. Where we have two matrices
a tail it has one, (classes, features): the port multiplies ours, in float64, and takes the
gradients of the two from its one. It is asked with its biases, 0 in tails. A class of one word
costs nothing beyond the head, so a tail of one class has no gradient there. It counts in float32.
"""
import tempfile

import numpy as np

from npadasoft.conformance.ports.base import Port, Refused, Skipped
from npadasoft.conformance.ports.foreign import TRAINS, mean_of_all
from npadasoft.conformance.wire.messages import PortInfo


class DyNet(Port):
    """dynet38 on a CPU; log_prob is its full_log_distribution."""

    def __init__(self):
        try:
            import dynet
        except ImportError:
            raise ImportError("this port needs DyNet: pip install dynet38") from None
        from importlib.metadata import version
        self.dy = dynet
        self.info = PortInfo("dynet38 ClassFactoredSoftmaxBuilder", version("dynet38"), "python",
                             dtypes=("float32",), ops=TRAINS[1:])

    def build(self, config, params, dtype):
        mean_of_all(config)
        self.params = {name: a.astype(np.float64) for name, a in params.items()}
        s, c = config["cutoffs"][0], config["n_classes"]
        edges = [*range(s + 1), *config["cutoffs"][1:], c]
        self.bands = list(zip(edges, edges[1:]))
        self.model = self.dy.ParameterCollection()
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("".join(f"{k} {y}\n" for k, (a, b) in enumerate(self.bands)
                               for y in range(a, b)))
            file.flush()
            layer = self.dy.ClassFactoredSoftmaxBuilder(
                config["in_features"], file.name, {str(y): y for y in range(c)}, self.model, True)
        for parameter, value in zip(self.model.parameters_list(), self._values(s)):
            parameter.set_value(value)
        self.has_bias, self.config = "head.bias" in params, config
        return layer

    def _values(self, s):
        """The values of its parameters, in its order: classifier, then classes of many words."""
        head = self.params["head.weight"]
        yield head
        yield self.params.get("head.bias", np.zeros(len(head)))
        for i, (a, b) in enumerate(self.bands[s:]):
            if b - a > 1:
                first, second = (self.params[f"tail.{i}.{j}.weight"] for j in (0, 1))
                yield second @ first
                yield np.zeros(b - a)

    def _output(self, layer, x, target):
        """One expression a row."""
        if x.ndim != 2:
            raise Skipped("the port asks it one row after the other, of a batch (N, in_features)")
        if target.shape != x.shape[:1]:
            raise Refused("shape", f"{target.shape} targets for {x.shape}")
        return [-layer.neg_log_softmax(row, int(y)) for row, y in zip(self.rows, target)]

    def _start(self, x):
        self.dy.renew_cg()
        self.inputs = self.model.add_lookup_parameters((max(len(x), 1), x.shape[-1]))
        self.inputs.init_from_array(np.atleast_2d(x)) if len(x) else None
        self.rows = [self.dy.lookup(self.inputs, n) for n in range(len(x))]

    def forward(self, layer, input, target, want):
        self._start(input)
        output = self._output(layer, input, target)
        values = np.array([row.value() for row in output], np.float32)
        return {"output": values, "loss": -values.mean()}

    def backward(self, layer, input, target, cotangents, want):
        self._start(input)
        output = self._output(layer, input, target)
        weights = np.zeros(len(input))
        if "output" in cotangents:
            weights += cotangents["output"]
        if "loss" in cotangents:
            weights -= cotangents["loss"] / len(input)
        return self._gradients([row * float(w) for row, w in zip(output, weights)])

    def log_prob(self, layer, input):
        if input.ndim != 2:
            raise Skipped("a batch (N, in_features)")
        self._start(input)
        return np.array([layer.full_log_distribution(row).value() for row in self.rows])

    def log_prob_backward(self, layer, input, cotangent, want):
        if input.ndim != 2:
            raise Skipped("a batch (N, in_features)")
        self._start(input)
        return self._gradients([
            self.dy.dot_product(layer.full_log_distribution(row), self.dy.inputVector(g))
            for row, g in zip(self.rows, cotangent)])

    def _gradients(self, parts):
        for parameter in self.model.parameters_list():
            parameter.scale_gradient(0)
        self.dy.esum(parts).backward()
        found = [p.grad_as_array() for p in self.model.parameters_list()]
        results = {"grad.input": self.inputs.grad_as_array(), "grad.head.weight": found[0]}
        if self.has_bias:
            results["grad.head.bias"] = found[1]
        place = 2
        for i, (a, b) in enumerate(self.bands[self.config["cutoffs"][0]:]):
            first, second = (self.params[f"tail.{i}.{j}.weight"] for j in (0, 1))
            g = np.zeros((b - a, first.shape[1]))
            if b - a > 1:
                g, place = found[place].reshape(g.shape), place + 2
            results[f"grad.tail.{i}.0.weight"] = second.T @ g
            results[f"grad.tail.{i}.1.weight"] = g @ first.T
        return results
