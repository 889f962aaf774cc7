"""The head alone, as ports: ours in two sizes of blocks, torch's, scikit-learn's, optax's.

    npadasoft conform --port linear-torch-chunked
"""
import numpy as np

from npadasoft._version import __version__
from npadasoft.conformance.ports.base import Port, Skipped
from npadasoft.conformance.wire.messages import DTYPES, LINEAR, PortInfo
from npadasoft.linear import LinearCrossEntropy


class Linear(Port):
    """A port of the head alone: a layer is (config, weights)."""

    def announce(self, name, version, dtypes=DTYPES[:2]):
        """Set `info`."""
        self.info = PortInfo(name, version, "python", dtypes=dtypes, ops=LINEAR)

    def build(self, config, params, dtype):
        return config, {name: np.array(a, order="C") for name, a in params.items()}

    def error_kind(self, error):
        return "target" if "arget" in str(error) else "shape" if "shape" in str(error) else "other"


class Ours(Linear):
    """`npadasoft.linear.LinearCrossEntropy`."""

    memory: int | None = None

    def __init__(self):
        self.announce("npadasoft, head alone", __version__, DTYPES[:3])

    def build(self, config, params, dtype):
        return LinearCrossEntropy(params["head.weight"], params.get("head.bias"),
                                  config.get("ignore_index"), config.get("reduction", "mean"),
                                  config.get("label_smoothing", 0.0))

    def linear(self, layer, input, target, want):
        return {"loss": layer.loss(input, target)}

    def linear_backward(self, layer, input, target, cotangents, want):
        least = {"memory": 64 * (3 * input.shape[1] + 16)} if self.memory else {}
        loss, found = layer.loss_and_gradients(input, target, cotangents["loss"], **least)
        return {"grad.input": found.pop("input"),
                **{f"grad.head.{name}": a for name, a in found.items()}}


class OursInBlocks(Ours):
    """The same in the smallest blocks, of rows and of classes."""

    memory = 1


class Torch(Linear):
    """`torch.nn.functional.cross_entropy` of a linear map."""

    name = "torch cross_entropy"

    def __init__(self):
        try:
            import torch
        except ImportError:
            raise ImportError("this port needs PyTorch: pip install torch") from None
        self.torch = torch
        self.announce(self.name, torch.__version__)

    def cost(self, config, x, y, weights):
        """The loss, as a tensor."""
        F = self.torch.nn.functional
        z = F.linear(x, weights["head.weight"], weights.get("head.bias"))
        return F.cross_entropy(z, y, **self.options(config))

    def options(self, config):
        """What the functions of torch call these."""
        return {"reduction": config.get("reduction", "mean"),
                "ignore_index": config.get("ignore_index", -100),
                "label_smoothing": config.get("label_smoothing", 0.0)}

    def linear(self, layer, input, target, want):
        config, weights = layer
        tensor = self.torch.tensor
        with self.torch.no_grad():
            return {"loss": self.cost(config, tensor(input), tensor(target), {
                name: tensor(a) for name, a in weights.items()}).numpy()}

    def linear_backward(self, layer, input, target, cotangents, want):
        config, weights = layer
        leaves = {"input": input, **weights}
        leaves = {name: self.torch.tensor(a).requires_grad_() for name, a in leaves.items()}
        rest = {name: a for name, a in leaves.items() if name != "input"}
        loss = self.cost(config, leaves["input"], self.torch.tensor(target), rest)
        found = self.torch.autograd.grad(loss, list(leaves.values()),
                                         self.torch.tensor(cotangents["loss"]))
        return {f"grad.{name}": g.numpy() for name, g in zip(leaves, found)}


class TorchLinear(Torch):
    """`torch.nn.functional.linear_cross_entropy`, its plain path."""

    name = "torch linear_cross_entropy"

    def cost(self, config, x, y, weights):
        function = getattr(self.torch.nn.functional, "linear_cross_entropy", None)
        if function is None:
            raise Skipped("linear_cross_entropy is in torch 2.13 and newer")
        return function(x, weights["head.weight"], y, linear_bias=weights.get("head.bias"),
                        options=self.chunks(), **self.options(config))

    def chunks(self):
        """Options of the chunked path; None is the plain one."""
        return None


class TorchChunked(TorchLinear):
    """The same in chunks of rows, gradients made in the forward."""

    name = "torch linear_cross_entropy, chunked"

    def chunks(self):
        return self.torch.nn.LinearCrossEntropyOptions()


class Sklearn(Linear):
    """`sklearn._loss.HalfMultinomialLoss`, the loss of LogisticRegression: values and gradients at
    the scores; the rest is NumPy.
    """

    def __init__(self):
        try:
            import sklearn
            from sklearn._loss import HalfMultinomialLoss
        except ImportError:
            raise ImportError("this port needs scikit-learn: pip install scikit-learn") from None
        self.loss = HalfMultinomialLoss
        self.announce("sklearn HalfMultinomialLoss", sklearn.__version__)

    def linear(self, layer, input, target, want):
        return {"loss": self._costs(layer, input, target, False)[0]}

    def linear_backward(self, layer, input, target, cotangents, want):
        q = cotangents["loss"]
        _, dz = self._costs(layer, input, target, True)
        if layer[0].get("reduction", "mean") == "mean":
            dz = dz / max(len(dz), 1)
        dz = np.asarray(dz * (q[:, None] if q.ndim else q), input.dtype)
        return {"grad.input": dz @ layer[1]["head.weight"], "grad.head.weight": dz.T @ input,
                "grad.head.bias": dz.sum(0)}

    def _costs(self, layer, input, target, slopes):
        config, weights = layer
        for name in {"ignore_index", "label_smoothing"} & config.keys():
            raise Skipped(f"the loss has no {name}")
        C = config["n_classes"]
        if C < 3:
            raise Skipped("the loss is for three classes and more")
        z = np.ascontiguousarray(input @ weights["head.weight"].T + weights.get("head.bias", 0),
                                 dtype=input.dtype)
        model, y = self.loss(n_classes=C), target.astype(input.dtype)
        if slopes:
            return model.loss_gradient(y, z)
        costs = model.loss(y, z)
        how = config.get("reduction", "mean")
        return (costs if how == "none" else costs.sum() if how == "sum" else costs.mean()), None


class Optax(Linear):
    """`optax.softmax_cross_entropy_with_integer_labels`, on a CPU with x64 enabled."""

    def __init__(self):
        try:
            import jax
            import optax
        except ImportError:
            raise ImportError("this port needs JAX and optax: pip install jax optax") from None
        jax.config.update("jax_enable_x64", True)
        self.jax, self.np, self.optax = jax, jax.numpy, optax
        self.announce("optax cross-entropy", optax.__version__)

    def cost(self, config, leaves, target):
        """The loss, as JAX's number."""
        if "label_smoothing" in config:
            raise Skipped("integer labels are not smoothed")
        ignored = config.get("ignore_index")
        kept = np.ones(target.shape, bool) if ignored is None else target != ignored
        z = leaves["input"] @ leaves["head.weight"].T + leaves.get("head.bias", 0)
        costs = self.optax.softmax_cross_entropy_with_integer_labels(
            z, np.where(kept, target, 0), where=None)
        costs = self.np.where(kept, costs, 0)
        how = config.get("reduction", "mean")
        return (costs if how == "none" else costs.sum() if how == "sum" else
                costs.sum() / int(kept.sum()) if kept.any() else costs.sum() * np.nan)

    def linear(self, layer, input, target, want):
        return {"loss": np.array(self.cost(layer[0], {"input": input, **layer[1]}, target))}

    def linear_backward(self, layer, input, target, cotangents, want):
        def total(leaves):
            return (self.cost(layer[0], leaves, target) * cotangents["loss"]).sum()
        found = self.jax.grad(total)({"input": input, **layer[1]})
        return {f"grad.{name}": np.array(g) for name, g in found.items()}
