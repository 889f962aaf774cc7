"""fairseq's AdaptiveSoftmax and AdaptiveLoss, from the files of its wheel: `--port fairseq`.

The layer returns the logits of each softmax, and the criterion sums cross entropies; `output` is
made of the same logits. It has no bias in the head: where a case has one, the input gets a
constant feature whose column in the head is the bias. `ignore_index` is the criterion's
padding_idx. The rest of the package (dropout, quantisation noise, registries) is switched off or
stands in.
"""
import re
from typing import Any

from npadasoft.conformance.ports.base import Skipped
from npadasoft.conformance.ports.foreign import (DTYPES, TRAINS, module_of, no_tail_bias,
                                                 peer_file)
from npadasoft.conformance.ports.torch import Torch
from npadasoft.conformance.wire.messages import PortInfo

HOW = ("pip install --no-deps --only-binary :all: --python-version 3.8 "
       "--platform manylinux1_x86_64 --target build/peers/fairseq-0.12.2 fairseq==0.12.2")
FOLDER = "fairseq-0.12.2/fairseq/"
NO_PADDING = -1


class Fairseq(Torch):
    """fairseq 0.12.2 on a CPU."""

    def __init__(self):
        super().__init__()
        self.softmax = module_of(peer_file(FOLDER + "modules/adaptive_softmax.py", HOW), {
            "fairseq": {}, "fairseq.modules": {},
            "fairseq.modules.fairseq_dropout": {"FairseqDropout": _no_dropout(self.torch)},
            "fairseq.modules.quant_noise": {"quant_noise": lambda module, *_: module}})
        self.criterion = module_of(peer_file(FOLDER + "criterions/adaptive_loss.py", HOW), {
            "fairseq": {"metrics": None, "utils": _Utils, "__path__": []},
            "fairseq.criterions": {"FairseqCriterion": object, "register_criterion": _register},
            "fairseq.dataclass": {"FairseqDataclass": object, "__path__": []},
            "fairseq.dataclass.constants": {"DDP_BACKEND_CHOICES": str},
            "omegaconf": {"II": lambda name: None}})
        version = f"0.12.2 on torch {self.torch.__version__}"
        self.info = PortInfo("fairseq", version, "python", DTYPES, TRAINS)

    def _layer(self, config, dtype=None):
        no_tail_bias(config)
        if config.get("reduction", "mean") == "none":
            raise Skipped("AdaptiveLoss has one loss a row only with all rows in the head")
        if (config.get("ignore_index") or 0) < 0:
            raise Skipped("padding_idx is a place in the dictionary")
        return self.softmax.AdaptiveSoftmax(
            config["n_classes"], config["in_features"], list(config["cutoffs"]), 0.0,
            factor=config["div_value"])

    def build(self, config, params, dtype):
        layer = self._layer(config)
        weights = {name: self._tensor(a) for name, a in params.items()}
        self.bias = weights.pop("head.bias", None)
        if self.bias is not None:
            weights = {name: self._widened(name, w) for name, w in weights.items()}
        layer.head.weight = self.torch.nn.Parameter(weights["head.weight"])
        for i, tail in enumerate(layer.tail):
            for j, place in enumerate((0, 2)):
                weight = weights[f"tail.{i}.{j}.weight"]
                if self.bias is None and tail[place].weight.shape != weight.shape:
                    raise ValueError(f"shape {tail[place].weight.shape} for {weight.shape}")
                tail[place].weight = self.torch.nn.Parameter(weight)
        self.config = config
        return layer

    def _widened(self, name, weight):
        """`weight` with a column for the constant feature: the bias in the head, else zeros."""
        if name.endswith(".1.weight"):
            return weight
        column = self.bias if name == "head.weight" else weight.new_zeros(len(weight))
        return self.torch.cat([weight, column[:, None]], 1)

    def _input(self, input):
        x = self._tensor(input)
        if self.bias is not None:
            x = self.torch.cat([x, x.new_ones(*x.shape[:-1], 1)], -1)
        return x.requires_grad_()

    def shapes(self, config):
        if config["head_bias"]:
            raise Skipped("its head has no bias; for numbers a constant feature stands in")
        state = self._layer(config).state_dict()
        del state["version"]
        return {_renamed(name): weight.shape for name, weight in state.items()}

    def forward(self, layer, input, target, want):
        output, loss = self._results(layer, self._input(input), self._tensor(target))
        return {"output": output.detach().numpy(), "loss": loss.detach().numpy()}

    def _results(self, layer, x, y):
        """Log-probability of each target, from the layer's logits, and the criterion's loss."""
        if y.dim() == 0:
            raise Skipped("the criterion takes batches")
        logits, targets = layer(x, y)
        _, rows = layer.adapt_target(y)
        log_softmax = self.torch.nn.functional.log_softmax
        output = log_softmax(logits[0], 1).gather(1, targets[0][:, None])[:, 0]
        for indices, z, t in zip(rows, logits[1:], targets[1:]):
            if indices is not None:
                output = output.index_add(0, indices, log_softmax(z, 1).gather(1, t[:, None])[:, 0])
        padding = self.config.get("ignore_index")
        loss, size, _ = self._criterion(layer, x, y, NO_PADDING if padding is None else padding)
        if self.config.get("reduction", "mean") == "mean":
            loss = loss / size
        if padding is not None:
            output = output * (y != padding)
        return output.reshape(y.shape), loss.reshape(())

    def _criterion(self, layer, x, y, padding):
        """Sum of the losses and number of targets, as AdaptiveLoss has them for a model."""
        criterion = object.__new__(self.criterion.AdaptiveLoss)
        criterion.padding_idx, criterion.sentence_avg = padding, False
        return criterion.forward(_Model(layer, x), {"net_input": {}, "target": y})

    def backward(self, layer, input, target, cotangents, want):
        x, y = self._input(input), self._tensor(target)
        results = dict(zip(("output", "loss"), self._results(layer, x, y)))
        pairs = [(results[name], self._tensor(a)) for name, a in cotangents.items()]
        return self._gradients(layer, x, pairs)

    def log_prob(self, layer, input):
        return self._log_prob(layer, self._input(input)).detach().numpy()

    def _log_prob(self, layer, x):
        found = layer.get_log_prob(x.reshape(-1, 1, x.shape[-1]), None)
        return found.reshape(*x.shape[:-1], -1)

    def log_prob_backward(self, layer, input, cotangent, want):
        x = self._input(input)
        return self._gradients(layer, x, [(self._log_prob(layer, x), self._tensor(cotangent))])

    def _gradients(self, layer, x, pairs):
        found = super()._gradients(layer, x, pairs)
        found = {_renamed(name): g for name, g in found.items()}
        if self.bias is None:
            return found
        found["grad.head.bias"] = found["grad.head.weight"][:, -1]
        return {name: g[..., :-1] if g is not None and _is_widened(name) else g
                for name, g in found.items()}


def _renamed(name):
    """Our name of a weight: a dropout is number 1 of a tail, and its second matrix number 2."""
    return re.sub(r"tail\.(\d+)\.2\.weight", r"tail.\1.1.weight", name)


def _is_widened(name):
    return name in ("grad.input", "grad.head.weight") or name.endswith(".0.weight")


def _no_dropout(torch: Any):
    class NoDropout(torch.nn.Module):
        def __init__(self, p, module_name=None):
            super().__init__()
            self.p = p

        def forward(self, x):
            return x
    return NoDropout


def _register(*_, **__):
    return lambda cls: cls


class _Utils:
    """fairseq.utils: what the criterion asks of it."""

    @staticmethod
    def strip_pad(tensor, pad):
        return tensor[tensor.ne(pad)]


class _Model:
    """A model whose decoder is this layer and whose features are `x`."""

    def __init__(self, layer, x):
        self.decoder, self.adaptive_softmax, self.x = self, layer, x

    def __call__(self):
        return (self.x,)

    def get_targets(self, sample, net_output):
        return sample["target"]
