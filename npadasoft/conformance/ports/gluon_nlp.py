"""gluon-nlp's ProjectedAdaptiveLogSoftmaxWithLoss on MXNet 1.9.1: `--port gluon-nlp`.

gluon-nlp 1.0 never came to PyPI under its name; its state of February 2022 did, as
autogluon-contrib-nlp, with the class of commit 01122db. The class is taken from there without the
rest of the package. It projects the input of the head too (here by an identity), has a bias for
every class (here zeros in tails), and its cluster columns descend. What it calls a loss is the
log-probability.
"""
import ast
from collections import OrderedDict

import numpy as np

from npadasoft.conformance.ports.base import Port, Skipped
from npadasoft.conformance.ports.foreign import DTYPES, TRAINS, peer_file
from npadasoft.conformance.wire.messages import PortInfo

PACKAGE, VERSION = "autogluon-contrib-nlp", "0.0.1b20220208"
HOW = f"pip install --no-deps --target build/peers/gluon-nlp {PACKAGE}=={VERSION}"
FILE = "gluon-nlp/autogluon_contrib_nlp/layers.py"
CLASS = "ProjectedAdaptiveLogSoftmaxWithLoss"
NEEDED = (CLASS, "_fmt_and_check_cutoffs")


class GluonNLP(Port):
    """gluon-nlp's class on MXNet."""

    def __init__(self):
        try:
            import mxnet
        except ImportError:
            raise ImportError("this port needs MXNet: "
                              "pip install mxnet==1.9.1 'numpy<1.24'") from None
        mxnet.npx.set_np()
        self.mx = mxnet
        self.layer_class = self._class(peer_file(FILE, HOW))
        version = f"as {PACKAGE} {VERSION} on MXNet {mxnet.__version__}"
        self.info = PortInfo("gluon-nlp", version, "python", DTYPES, TRAINS)

    def _class(self, path):
        """The class, and the function that checks its cutoffs, in the names they need."""
        import typing
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = [node for node in tree.body if getattr(node, "name", None) in NEEDED]
        names = {"use_np": self.mx.util.use_np, "HybridBlock": self.mx.gluon.HybridBlock,
                 "nn": self.mx.gluon.nn, "OrderedDict": OrderedDict, "InitializerType": object,
                 **vars(typing)}
        exec(compile(ast.Module(nodes, []), str(path), "exec"), names)
        return names[CLASS]

    def _layer(self, config, dtype="float64"):
        below_1 = 1 - 2.0**-53      # with 1 itself it has one table for all classes
        divisor = below_1 if config["div_value"] == 1 else config["div_value"]
        layer = self.layer_class(config["n_classes"], config["in_features"], config["in_features"],
                                 list(config["cutoffs"]), divisor)
        layer.cast(dtype)
        layer.initialize(self.mx.init.Zero())
        return layer

    def shapes(self, config):
        layer = self._layer(config)
        shapes = {name: p.shape for name, p in layer._collect_params_with_prefix().items()}
        head = (shapes["out_proj_l.0.weight"][0] + shapes["tail_cluster_score_proj.weight"][0],)
        found: dict = {"head.weight": (*head, config["in_features"])}
        if config["head_bias"]:
            found["head.bias"] = head
        for i in range(len(config["cutoffs"])):
            found[f"tail.{i}.0.weight"] = shapes[f"inter_proj_l.{i + 1}.weight"]
            found[f"tail.{i}.1.weight"] = shapes[f"out_proj_l.{i + 1}.weight"]
        return found

    def build(self, config, params, dtype):
        if config.get("ignore_index") is not None:
            raise Skipped("it has no padding")
        layer = self._layer(config, dtype)
        weights = layer._collect_params_with_prefix()
        s, weight = config["cutoffs"][0], params["head.weight"]
        bias = params.get("head.bias", np.zeros(len(weight), dtype))
        values = {"out_proj_l.0.weight": weight[:s], "out_proj_l.0.bias": bias[:s],
                  "tail_cluster_score_proj.weight": weight[s:][::-1],
                  "tail_cluster_score_proj.bias": bias[s:][::-1],
                  "inter_proj_l.0.weight": np.eye(weight.shape[1], dtype=dtype)}
        for i in range(len(config["cutoffs"])):
            values[f"inter_proj_l.{i + 1}.weight"] = params[f"tail.{i}.0.weight"]
            values[f"out_proj_l.{i + 1}.weight"] = params[f"tail.{i}.1.weight"]
            if f"tail.{i}.1.bias" in params:
                values[f"out_proj_l.{i + 1}.bias"] = params[f"tail.{i}.1.bias"]
        for name, value in values.items():
            weights[name].set_data(self._array(value))
        self.config, self.has_bias = config, "head.bias" in params
        return layer

    def _array(self, array):
        array = np.array(array, order="C")
        return self.mx.np.array(array, dtype=array.dtype)

    def _results(self, layer, x, y):
        output = layer(x, y)
        reduction = self.config.get("reduction", "mean")
        loss = -output if reduction == "none" else -getattr(output, reduction)()
        return {"output": output, "loss": loss}

    def forward(self, layer, input, target, want):
        found = self._results(layer, self._array(input), self._array(target))
        return {name: a.asnumpy() for name, a in found.items()}

    def backward(self, layer, input, target, cotangents, want):
        x, y = self._array(input), self._array(target)
        x.attach_grad()
        with self.mx.autograd.record():
            found = self._results(layer, x, y)
            total = sum((found[name] * self._array(a)).sum() for name, a in cotangents.items())
        total.backward()
        return self._gradients(layer, x)

    def log_prob(self, layer, input):
        return layer.get_logits(self.mx, self._array(input)).asnumpy()

    def log_prob_backward(self, layer, input, cotangent, want):
        x = self._array(input)
        x.attach_grad()
        with self.mx.autograd.record():
            total = (layer.get_logits(self.mx, x) * self._array(cotangent)).sum()
        total.backward()
        return self._gradients(layer, x)

    def _gradients(self, layer, x):
        g = {name: p.grad().asnumpy() for name, p in layer._collect_params_with_prefix().items()}
        clusters = "tail_cluster_score_proj."
        found = {"grad.input": x.grad.asnumpy(), "grad.head.weight": np.concatenate(
            [g["out_proj_l.0.weight"], g[clusters + "weight"][::-1]])}
        if self.has_bias:
            found["grad.head.bias"] = np.concatenate(
                [g["out_proj_l.0.bias"], g[clusters + "bias"][::-1]])
        for i in range(len(self.config["cutoffs"])):
            found[f"grad.tail.{i}.0.weight"] = g[f"inter_proj_l.{i + 1}.weight"]
            found[f"grad.tail.{i}.1.weight"] = g[f"out_proj_l.{i + 1}.weight"]
            found[f"grad.tail.{i}.1.bias"] = g[f"out_proj_l.{i + 1}.bias"]
        return found
