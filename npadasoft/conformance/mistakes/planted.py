"""A layer as a port in this process, with everything between shown."""
import warnings
from functools import wraps

import numpy as np

from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.ports.base import Port
from npadasoft.conformance.wire.messages import LINEAR, OPS, Answer, PortInfo

TRACE = ("cluster", "head_column", "tail.*.relative_target", "head_logits", "head_log_prob",
         "tail.*.hidden", "tail.*.logits", "tail.*.log_prob", "grad.head_logits",
         "grad.tail.*.hidden", "grad.tail.*.logits")


def silently(function):
    """Decorator: mistakes divide by zero, and take means of nothing; nobody is to be told."""
    @wraps(function)
    def call(*args, **options):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **options)
    return call


class Planted(Port):
    """A port of `layer_class`, which is right unless told."""

    info = PortInfo("planted", dtypes=("float64", "float32"), ops=OPS + LINEAR, trace=TRACE)
    layer_class = Layer

    def __init__(self, layer_class=None):
        self.layer_class = layer_class or self.layer_class
        self.memory = {}

    def restart(self):
        """Forget what was asked."""
        self.memory = {}

    def build(self, config, params, dtype):
        return self.layer_class(config, params, self.memory)

    def shapes(self, config):
        return self.layer_class.shapes(config)

    def run(self, request):
        """As `Port.run`, less what only another dialect needs: thousands of these are asked."""
        return silently(self.ask)(request)

    def ask(self, request):
        """The same, where warnings are ignored already."""
        try:
            return self._answer(request)
        except Exception as error:              # whatever a mistake raises is its answer
            return Answer(error=(self.error_kind(error), f"{type(error).__name__}: {error}"))

    def _answer(self, request):
        if request.op == "shapes":
            return Answer(shapes=self.shapes(request.config))
        params, inputs, cotangents, tangents = (
            {name: a.astype(request.dtype) if a.dtype.kind == "f" else a for name, a in g.items()}
            for g in (request.params, request.inputs, request.cotangents, request.tangents))
        layer = self.build(request.config, params, request.dtype)
        found = self._operate(layer, request, inputs, cotangents, tangents)
        return Answer(results={name: np.asarray(found[name], np.float64)
                               for name in request.want if name in found})

    def error_kind(self, error):
        kind = "config" if isinstance(error, (ValueError, ArithmeticError, TypeError)) else "other"
        return getattr(error, "kind", kind)

    def forward(self, layer, input, target, want):
        return layer.forward(input, target)

    def backward(self, layer, input, target, cotangents, want):
        return layer.backward(input, target, cotangents)

    def log_prob(self, layer, input):
        return layer.log_prob(input)

    def log_prob_backward(self, layer, input, cotangent, want):
        return layer.log_prob_backward(input, cotangent)

    def predict(self, layer, input):
        return layer.predict(input)

    def topk(self, layer, input, k):
        return layer.topk(input, k)

    def jvp(self, layer, input, target, tangents, want):
        return layer.jvp(input, target, tangents)

    def log_prob_jvp(self, layer, input, tangents):
        return layer.log_prob_jvp(input, tangents)

    def hvp(self, layer, input, target, cotangents, tangents, want):
        return layer.hvp(input, target, cotangents, tangents)

    def embed(self, layer, index):
        return layer.embed(index)

    def embed_backward(self, layer, index, cotangent, want):
        return layer.embed_backward(index, cotangent)

    def linear(self, layer, input, target, want):
        return layer.linear(input, target)

    def linear_backward(self, layer, input, target, cotangents, want):
        return layer.linear_backward(input, target, cotangents)
