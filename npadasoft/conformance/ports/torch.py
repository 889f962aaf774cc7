"""PyTorch's own layer as a port: `npadasoft conform --port torch`."""
import numpy as np

from npadasoft.conformance.ports.base import Port, Skipped
from npadasoft.conformance.wire.messages import OPS, PortInfo


class Torch(Port):
    """`torch.nn.AdaptiveLogSoftmaxWithLoss` on a CPU."""

    def __init__(self):
        try:
            import torch
        except ImportError:
            raise ImportError("this port needs PyTorch: pip install torch") from None
        self.torch = torch
        self.info = PortInfo("torch", torch.__version__, "python", dtypes=("float64", "float32"),
                             ops=OPS[:-1])              # no topk

    def build(self, config, params, dtype):
        layer = self._layer(config, getattr(self.torch, dtype))
        layer.load_state_dict({name: self._tensor(array) for name, array in params.items()})
        return layer

    def _layer(self, config, dtype=None):
        config = dict(config)
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

    def _gradients(self, layer, x, pairs):
        leaves = {"grad.input": x, **{f"grad.{name}": p for name, p in layer.named_parameters()}}
        total = sum((result * cotangent).sum() for result, cotangent in pairs)
        found = self.torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return {name: None if g is None else g.numpy() for name, g in zip(leaves, found)}
