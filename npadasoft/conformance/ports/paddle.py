"""Paddle's layer as a port: `npadasoft conform --port paddle`."""
import numpy as np

from npadasoft.conformance.ports.base import Port
from npadasoft.conformance.ports.foreign import DTYPES, PREDICTS, mean_of_all
from npadasoft.conformance.wire.messages import PortInfo


class Paddle(Port):
    """`paddle.nn.AdaptiveLogSoftmaxWithLoss` on a CPU; its matrices are (in, out)."""

    def __init__(self):
        try:
            import paddle
        except ImportError:
            raise ImportError("this port needs PaddlePaddle: pip install paddlepaddle") from None
        self.paddle = paddle
        self.info = PortInfo("paddle", paddle.__version__, "python", DTYPES, PREDICTS,
                             layout="in_out")

    def build(self, config, params, dtype):
        mean_of_all(config)
        self.paddle.set_default_dtype(dtype)
        layer = self._layer(config)
        for name, weight in self._weights(layer).items():
            weight.set_value(np.ascontiguousarray(params[name]))
        return layer

    def _layer(self, config):
        return self.paddle.nn.AdaptiveLogSoftmaxWithLoss(
            config["in_features"], config["n_classes"], list(config["cutoffs"]),
            div_value=config["div_value"], head_bias=config["head_bias"])

    def _weights(self, layer):
        """The parameters under our names, tails too, which `parameters()` lacks."""
        found = {"head.weight": layer.head_weight}
        if layer.head_bias is not None:
            found["head.bias"] = layer.head_bias
        for i, pair in enumerate(layer.tail_weights):
            found |= {f"tail.{i}.{j}.weight": weight for j, weight in enumerate(pair)}
        return found

    def error_kind(self, error):
        text = str(error)
        kinds = {"cutoffs": "cutoffs", "label values": "target", "size": "shape", "shape": "shape"}
        return next((kind for words, kind in kinds.items() if words in text), "other")

    def shapes(self, config):
        return {name: tuple(w.shape) for name, w in self._weights(self._layer(config)).items()}

    def forward(self, layer, input, target, want):
        output, loss = layer(self._tensor(input), self._tensor(target))
        return {"output": output.numpy(), "loss": loss.numpy()}

    def backward(self, layer, input, target, cotangents, want):
        x = self._tensor(input, stop_gradient=False)
        results = dict(zip(("output", "loss"), layer(x, self._tensor(target))))
        return self._gradients(layer, x, [(results[name], a) for name, a in cotangents.items()])

    def log_prob(self, layer, input):
        return layer.log_prob(self._tensor(input)).numpy()

    def log_prob_backward(self, layer, input, cotangent, want):
        x = self._tensor(input, stop_gradient=False)
        return self._gradients(layer, x, [(layer.log_prob(x), cotangent)])

    def predict(self, layer, input):
        return layer.predict(self._tensor(input)).numpy()

    def _tensor(self, array, stop_gradient=True):
        return self.paddle.to_tensor(np.array(array, order="C"), stop_gradient=stop_gradient)

    def _gradients(self, layer, x, pairs):
        leaves = {"grad.input": x,
                  **{f"grad.{name}": weight for name, weight in self._weights(layer).items()}}
        found = self.paddle.grad([result for result, _ in pairs], list(leaves.values()),
                                 [self._tensor(a) for _, a in pairs], allow_unused=True)
        return {name: None if g is None else g.numpy() for name, g in zip(leaves, found)}
