"""PyTorch's own layer as a port: `npadasoft conform --port torch`."""
import numpy as np

from npadasoft.conformance.ports.base import Port, Skipped
from npadasoft.conformance.ports.foreign import ALONG, PREDICTS, no_tail_bias
from npadasoft.conformance.wire.messages import PortInfo


class Torch(Port):
    """`torch.nn.AdaptiveLogSoftmaxWithLoss` on a CPU."""

    def __init__(self):
        try:
            import torch
        except ImportError:
            raise ImportError("this port needs PyTorch: pip install torch") from None
        self.torch = torch
        self.info = PortInfo("torch", torch.__version__, "python", dtypes=("float64", "float32"),
                             ops=(*PREDICTS, *ALONG))

    def build(self, config, params, dtype):
        layer = self._layer(config, getattr(self.torch, dtype))
        layer.load_state_dict({name: self._tensor(array) for name, array in params.items()})
        return layer

    def _layer(self, config, dtype=None):
        config = dict(config)
        no_tail_bias(config)
        for name in {"ignore_index", "reduction"} & config.keys():
            raise Skipped(f"torch's layer has no {name}",
                          "https://github.com/pytorch/pytorch/issues/12675")
        return self.torch.nn.AdaptiveLogSoftmaxWithLoss(
            config.pop("in_features"), config.pop("n_classes"), config.pop("cutoffs"),
            dtype=dtype, **config)

    def _tensor(self, array):
        return self.torch.tensor(np.array(array, order="C"))

    def error_kind(self, error):
        text = str(error)
        kinds = {"cutoffs": "cutoffs", "Target values": "target", "size": "shape", "shape": "shape"}
        return next((kind for words, kind in kinds.items() if words in text), "other")

    def shapes(self, config):
        return {name: weight.shape for name, weight in self._layer(config).state_dict().items()}

    def forward(self, layer, input, target, want):
        with self.torch.no_grad():
            output, loss = layer(self._tensor(input), self._tensor(target))
        return {"output": output.numpy(), "loss": loss.numpy()}

    def backward(self, layer, input, target, cotangents, want):
        x = self._tensor(input).requires_grad_()
        results = dict(zip(("output", "loss"), layer(x, self._tensor(target))))
        pairs = [(results[name], self._tensor(array)) for name, array in cotangents.items()]
        return self._gradients(layer, x, pairs)

    def log_prob(self, layer, input):
        with self.torch.no_grad():
            return layer.log_prob(self._tensor(input)).numpy()

    def log_prob_backward(self, layer, input, cotangent, want):
        x = self._tensor(input).requires_grad_()
        return self._gradients(layer, x, [(layer.log_prob(x), self._tensor(cotangent))])

    def predict(self, layer, input):
        return layer.predict(self._tensor(input)).numpy()

    def jvp(self, layer, input, target, tangents, want):
        _, (output, loss) = self.torch.func.jvp(
            self._call(layer, target), *self._moving(layer, input, tangents))
        return {"jvp.output": output.numpy(), "jvp.loss": loss.numpy()}

    def log_prob_jvp(self, layer, input, tangents):
        every = type("LogProb", (self.torch.nn.Module,), {
            "forward": lambda module, x: module.layer.log_prob(x)})()
        every.layer = layer
        at, along = self._moving(every, input, {f"layer.{n}": d for n, d in tangents.items()})
        _, moved = self.torch.func.jvp(
            lambda weights, x: self.torch.func.functional_call(every, weights, (x,)), at, along)
        return moved.numpy()

    def hvp(self, layer, input, target, cotangents, tangents, want):
        """Forward mode over reverse mode, as `torch.func.hvp` has it."""
        call = self._call(layer, target)
        given = [(k, self._tensor(cotangents[name])) for k, name in enumerate(("output", "loss"))
                 if name in cotangents]

        def total(weights, x):
            results = call(weights, x)
            return sum((results[k] * a).sum() for k, a in given)
        _, (weights, dx) = self.torch.func.jvp(self.torch.func.grad(total, argnums=(0, 1)),
                                               *self._moving(layer, input, tangents))
        return {"hvp.input": dx.detach().numpy(),
                **{f"hvp.{name}": w.detach().numpy() for name, w in weights.items()}}

    def _call(self, layer, target):
        y = self._tensor(target)
        return lambda weights, x: tuple(self.torch.func.functional_call(layer, weights, (x, y)))

    def _moving(self, layer, input, tangents):
        """(weights, input) and their tangents; what has none stands still."""
        weights = {name: w.detach() for name, w in layer.named_parameters()}
        x = self._tensor(input)
        dx = tangents.get("input", tangents.get("layer.input"))
        still = self.torch.zeros_like
        return (weights, x), (
            {name: self._tensor(tangents[name]) if name in tangents else still(w)
             for name, w in weights.items()}, still(x) if dx is None else self._tensor(dx))

    def _gradients(self, layer, x, pairs):
        leaves = {"grad.input": x, **{f"grad.{name}": p for name, p in layer.named_parameters()}}
        total = sum((result * cotangent).sum() for result, cotangent in pairs)
        found = self.torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return {name: None if g is None else g.numpy() for name, g in zip(leaves, found)}
