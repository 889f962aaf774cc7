"""The head alone by the cross-entropy that a library has: `--port linear-mlx` and others.

The scores are the library's matrix product, the gradients its automatic ones. What its function
has no argument for is skipped, never made up for.
"""
import numpy as np

from npadasoft.conformance.ports import chainer, mlx, tensorflow, tinygrad
from npadasoft.conformance.ports.base import Skipped
from npadasoft.conformance.ports.linear import Linear, Torch


class Loss(Linear):
    """A function of a library, by the arrays and the gradients of its `Primitives`."""

    primitives: type
    name = ""

    def __init__(self):
        self.library = self.primitives()
        self.announce(self.name, self.library.info.version)

    def cost(self, config, scores, target):
        """The loss of (N, C) scores and a NumPy array of targets, as the library's."""
        raise NotImplementedError

    def linear(self, layer, input, target, want):
        weights = {name: self.library.tensor(a) for name, a in layer[1].items()}
        found = self._loss(layer[0], weights, self.library.tensor(input), target)
        return {"loss": self.library.numpy(found)}

    def linear_backward(self, layer, input, target, cotangents, want):
        tensor = self.library.tensor

        def total(weights, x):
            loss = self._loss(layer[0], weights, x, target)
            return self.library.sum(loss * tensor(cotangents["loss"]))
        weights = {name: tensor(a) for name, a in layer[1].items()}
        found, dx = self.library.gradients(total, weights, tensor(input))
        return {"grad.input": dx, **{f"grad.{name}": g for name, g in found.items()}}

    def _loss(self, config, weights, x, target):
        scores = self.library.product(x, weights["head.weight"])
        if "head.bias" in weights:
            bias = weights["head.bias"]
            scores = scores + self.broadcast(bias, scores.shape)
        return self.cost(config, scores, target)

    def broadcast(self, bias, shape):
        """What is added to scores of that shape."""
        return bias


def lacks(config, *names):
    """Skip a configuration that asks for what a function has no argument for."""
    for name in names:
        if name in config:
            raise Skipped(f"the function has no {name}")


class TensorFlow(Loss):
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`."""

    primitives, name = tensorflow.TensorFlow, "tf.nn sparse cross-entropy"

    def cost(self, config, scores, target):
        lacks(config, "ignore_index", "label_smoothing")
        tf = self.library.tf
        costs = tf.nn.sparse_softmax_cross_entropy_with_logits(target, scores)
        how = config.get("reduction", "mean")
        return costs if how == "none" else getattr(tf, f"reduce_{how}")(costs)


class Keras(Loss):
    """`keras.losses.SparseCategoricalCrossentropy`, on TensorFlow; told the dtype, as it would
    compute in float32.
    """

    primitives, name = tensorflow.TensorFlow, "keras SparseCategoricalCrossentropy"

    def __init__(self):
        super().__init__()
        self.keras = self.library.tf.keras
        version = f"{self.keras.__version__} on tensorflow {self.library.info.version}"
        self.announce(self.name, version)

    def cost(self, config, scores, target):
        lacks(config, "label_smoothing")
        how = config.get("reduction", "mean")
        loss = self.keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=config.get("ignore_index"),
            reduction=None if how == "none" else how, dtype=scores.dtype.name)
        return loss(target, scores)


class Mlx(Loss):
    """`mlx.nn.losses.cross_entropy`."""

    primitives, name = mlx.Mlx, "mlx cross_entropy"

    def cost(self, config, scores, target):
        lacks(config, "ignore_index")
        return self.library.nn.losses.cross_entropy(
            scores, self.library.mx.array(target), reduction=config.get("reduction", "mean"),
            label_smoothing=config.get("label_smoothing", 0.0))


class Chainer(Loss):
    """`chainer.functions.softmax_cross_entropy`."""

    primitives, name = chainer.Chainer, "chainer softmax_cross_entropy"

    def broadcast(self, bias, shape):
        return self.library.F.broadcast_to(bias, shape)

    def cost(self, config, scores, target):
        lacks(config, "label_smoothing")
        how = config.get("reduction", "mean")
        costs = self.library.F.softmax_cross_entropy(
            scores, target.astype(np.int32), ignore_label=config.get("ignore_index", -1),
            reduce="mean" if how == "mean" else "no")
        return self.library.F.sum(costs) if how == "sum" else costs


class Tinygrad(Loss):
    """`Tensor.sparse_categorical_crossentropy`."""

    primitives, name = tinygrad.Tinygrad, "tinygrad sparse_categorical_crossentropy"

    def cost(self, config, scores, target):
        return scores.sparse_categorical_crossentropy(
            self.library.Tensor(target), ignore_index=config.get("ignore_index", -1),
            label_smoothing=config.get("label_smoothing", 0.0),
            reduction=config.get("reduction", "mean"))


class Paddle(Linear):
    """`paddle.nn.functional.cross_entropy`."""

    def __init__(self):
        try:
            import paddle
        except ImportError:
            raise ImportError("this port needs PaddlePaddle: pip install paddlepaddle") from None
        self.paddle = paddle
        self.announce("paddle cross_entropy", paddle.__version__)

    def linear(self, layer, input, target, want):
        return {"loss": self._loss(layer, input, target)[0].numpy()}

    def linear_backward(self, layer, input, target, cotangents, want):
        loss, leaves = self._loss(layer, input, target)
        found = self.paddle.grad(loss, list(leaves.values()),
                                 self.paddle.to_tensor(cotangents["loss"]))
        return {f"grad.{name}": g.numpy() for name, g in zip(leaves, found)}

    def _loss(self, layer, input, target):
        F, config = self.paddle.nn.functional, layer[0]
        leaves = {name: self.paddle.to_tensor(a, stop_gradient=False)
                  for name, a in {"input": input, **layer[1]}.items()}
        scores = leaves["input"] @ leaves["head.weight"].T
        if "head.bias" in leaves:
            scores = scores + leaves["head.bias"]
        loss = F.cross_entropy(scores, self.paddle.to_tensor(target),
                               ignore_index=config.get("ignore_index", -100),
                               reduction=config.get("reduction", "mean"),
                               label_smoothing=config.get("label_smoothing", 0.0))
        return (loss[:, 0] if loss.ndim == 2 else loss), leaves


class CutCrossEntropy(Torch):
    """`cut_cross_entropy.linear_cross_entropy`, impl="torch_compile": what it has for a CPU.

    The release takes no bias: here it is one more feature, of an input of one more 1.
    """

    def __init__(self):
        super().__init__()
        try:
            import cut_cross_entropy
        except ImportError:
            raise ImportError("this port needs cut-cross-entropy: pip install torch "
                              "cut-cross-entropy") from None
        self.function = cut_cross_entropy.linear_cross_entropy
        version = f"{cut_cross_entropy.__version__} on torch {self.torch.__version__}"
        self.announce("cut-cross-entropy, torch_compile", version)
        self.built = 0

    def build(self, config, params, dtype):
        self.built += 1
        if self.built % 8 == 0:         # beyond a number of shapes and options it raises
            self.torch._dynamo.reset()
        return super().build(config, params, dtype)

    def cost(self, config, x, y, weights):
        lacks(config, "label_smoothing")
        weight = weights["head.weight"]
        if "head.bias" in weights:
            x = self.torch.cat([x, self.torch.ones_like(x[:, :1])], 1)
            weight = self.torch.cat([weight, weights["head.bias"][:, None]], 1)
        return self.function(x, weight, y, ignore_index=config.get("ignore_index", -100),
                             reduction=config.get("reduction", "mean"), impl="torch_compile")
