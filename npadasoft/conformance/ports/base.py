"""A port that lives in this process: a class with one method an operation.

    class MyPort(Port):
        info = PortInfo("my port", dtypes=("float64",), ops=("forward", "log_prob"))

        def build(self, config, params, dtype): ...         # your layer
        def forward(self, layer, input, target, want): ...  # {"output": array, "loss": number}
        def log_prob(self, layer, input): ...               # array

and `npadasoft conform --port my_module:MyPort` judges it.  Arrays are NumPy's, in the request's
dtype and in the dialect that `info` announces (layout, index base).  An exception is an error
answer.
"""
import warnings

import numpy as np

from npadasoft.conformance.wire.messages import (Answer, PortInfo, from_port, is_integer, to_port,
                                                 weight_of)
from npadasoft.conformance.wire.strict_json import printable


class Refused(Exception):
    """An error answer; kind: target, shape, cutoffs, config, dtype, unsupported, other."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Skipped(Exception):
    """What is asked is knowingly not supported; `issue_url` says where that is discussed."""

    def __init__(self, reason, issue_url=None):
        super().__init__(reason)
        self.reason, self.issue_url = reason, issue_url


class Port:
    """Base of ports in this process; what a port lacks it leaves out of `info.ops`."""

    info = PortInfo("a port without a name")
    forgets = False                 # whether it forgets what it was asked when it is started again

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.forgets = cls.restart is not Port.restart

    def build(self, config, params, dtype):
        """The layer of `config` with the weights `params` (name -> array)."""
        raise NotImplementedError

    def shapes(self, config):
        """Name -> shape of every weight that `config` needs; raises for one that makes no layer."""
        raise NotImplementedError

    def forward(self, layer, input, target, want):
        """{"output", "loss"} and, of the announced trace, what `want` names."""
        raise NotImplementedError

    def backward(self, layer, input, target, cotangents, want):
        """{"grad.input", "grad.head.weight", ...} of cotangents "output" and "loss".

        Either may be absent.
        """
        raise NotImplementedError

    def log_prob(self, layer, input):
        """(..., n_classes)."""
        raise NotImplementedError

    def log_prob_backward(self, layer, input, cotangent, want):
        """{"grad.input", ...} of dL/d log_prob."""
        raise NotImplementedError

    def predict(self, layer, input):
        """(...), integers."""
        raise NotImplementedError

    def topk(self, layer, input, k):
        """{"topk.log_prob", "topk.index"}, both (..., k): the largest, in descending order."""
        raise NotImplementedError

    def jvp(self, layer, input, target, tangents, want):
        """{"jvp.output", "jvp.loss"}: how they move along `tangents` of "input" and of weights.

        What has none stands still.
        """
        raise NotImplementedError

    def log_prob_jvp(self, layer, input, tangents):
        """How every log-probability moves: (..., n_classes)."""
        raise NotImplementedError

    def hvp(self, layer, input, target, cotangents, tangents, want):
        """{"hvp.input", "hvp.head.weight", ...}: how the gradients of `backward` move."""
        raise NotImplementedError

    def embed(self, layer, index):
        """(..., in_features): the vectors of an adaptive input, whose weights are bands."""
        raise NotImplementedError

    def embed_backward(self, layer, index, cotangent, want):
        """{"grad.bands.0.embedding", ...} of dL/d embed."""
        raise NotImplementedError

    def linear(self, layer, input, target, want):
        """{"loss"}, of a configuration without cutoffs: cross-entropy of the head alone.

        Only of ports that announce it.
        """
        raise NotImplementedError

    def linear_backward(self, layer, input, target, cotangents, want):
        """{"grad.input", "grad.head.weight", "grad.head.bias"} of a cotangent "loss"."""
        raise NotImplementedError

    def error_kind(self, error):
        """Kind of an exception, for the note beside a refusal."""
        return getattr(error, "kind", "other")

    def cast(self, array, dtype):
        """An exact array in the request's dtype."""
        return array.astype(dtype)

    # ------------------------------------------------------------ what the judge calls

    def start(self):
        """What the port says of itself."""
        return self.info

    def restart(self):
        """Nothing: an exception does no harm, and every request builds a layer of its own."""

    def stop(self):
        """Nothing to end."""

    def run(self, request):
        """The `Answer` to a `Request`, in the judge's dialect."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return from_port(self._answer(to_port(request, self.info)), self.info)
        except Skipped as skip:
            return Answer(skipped=(skip.reason, skip.issue_url))
        except Exception as error:              # whatever a port raises is its answer
            return Answer(error=(self.error_kind(error),
                                 printable(f"{type(error).__name__}: {error}")))

    def _answer(self, request):
        if request.op == "shapes":
            shapes = self.shapes(request.config)
            return Answer(shapes={name: tuple(map(int, shape)) for name, shape in shapes.items()})
        params, inputs, cotangents, tangents = (
            {name: a if is_integer(name) else self.cast(a, request.dtype)
             for name, a in group.items()}
            for group in (request.params, request.inputs, request.cotangents, request.tangents))
        layer = self.build(request.config, params, request.dtype)
        return _collect(self._operate(layer, request, inputs, cotangents, tangents), request)

    def _operate(self, layer, request, inputs, cotangents, tangents):
        if request.op == "embed":
            return {"embed": self.embed(layer, inputs["index"])}
        if request.op == "embed_backward":
            return self.embed_backward(layer, inputs["index"], cotangents["embed"], request.want)
        x = inputs["input"]
        if request.op == "jvp":
            return self.jvp(layer, x, inputs["target"], tangents, request.want)
        if request.op == "log_prob_jvp":
            return {"jvp.log_prob": self.log_prob_jvp(layer, x, tangents)}
        if request.op == "hvp":
            return self.hvp(layer, x, inputs["target"], cotangents, tangents, request.want)
        if request.op in ("forward", "linear"):
            return getattr(self, request.op)(layer, x, inputs["target"], request.want)
        if request.op in ("backward", "linear_backward"):
            return getattr(self, request.op)(layer, x, inputs["target"], cotangents, request.want)
        if request.op == "log_prob_backward":
            return self.log_prob_backward(layer, x, cotangents["log_prob"], request.want)
        if request.op == "topk":
            return self.topk(layer, x, int(inputs["k"]))
        return {request.op: getattr(self, request.op)(layer, x)}


def _collect(found, request):
    """The wanted tensors as float64; None for the gradient of an unused cluster is zeros."""
    results, notes = {}, []
    for name in request.want:
        if name not in found:
            continue
        if found[name] is None and name.startswith(("grad.tail.", "hvp.tail.", "grad.bands.")):
            notes.append(f"{name}: None was read as zeros of full shape")
            results[name] = np.zeros(request.params[weight_of(name)].shape)
        elif found[name] is not None:
            results[name] = np.asarray(found[name]).astype(np.float64)
    return Answer(results=results, notes=tuple(notes))
