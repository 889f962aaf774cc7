"""TransfoXL's ProjectedAdaptiveLogSoftmax, from a file of transformers: `--port transfo-xl`.

Its constructor cannot make sizes of a div_value that is no integer, and shares one table with
div_value 1; the port gives it sizes and weights by hand, an identity for the projection of the
head and zeros for the biases of the tails. Asked with keep_order=True; `transfo-xl-default` asks
as the model does, without. The loss is the model's own: the mean of the losses that are not 0.
"""
from npadasoft.conformance.ports.base import Skipped
from npadasoft.conformance.ports.foreign import DTYPES, TRAINS, module_of, peer_file
from npadasoft.conformance.ports.torch import Torch
from npadasoft.conformance.wire.messages import PortInfo

HOW = "pip install --no-deps --target build/peers/transformers-4.35.2 transformers==4.35.2"
FILE = "transformers-4.35.2/transformers/models/transfo_xl/modeling_transfo_xl_utilities.py"


class TransfoXL(Torch):
    """transformers 4.35.2 on a CPU."""

    keep_order, file, how, name, version = True, FILE, HOW, "transformers TransfoXL", "4.35.2"
    ignores: tuple = (None, -100)

    def __init__(self):
        super().__init__()
        self.module = module_of(peer_file(self.file, self.how))
        order = "keep_order=True" if self.keep_order else "default order"
        version = f"{self.version} on torch {self.torch.__version__}, {order}"
        self.info = PortInfo(self.name, version, "python", DTYPES, TRAINS)

    def _module(self, config):
        div_value = config["div_value"]
        return self.module.ProjectedAdaptiveLogSoftmax(
            config["n_classes"], config["in_features"], config["in_features"],
            list(config["cutoffs"]), int(div_value) if div_value == int(div_value) else div_value)

    def shapes(self, config):
        module = self._module(config)
        if config["div_value"] == 1:
            raise Skipped("with div_val 1 it has one table for all classes and no projections")
        features, shortlist = config["in_features"], config["cutoffs"][0]
        found: dict = {"head.weight": (shortlist + module.n_clusters, features)}
        if config["head_bias"]:
            found["head.bias"] = (shortlist + module.n_clusters,)
        for i in range(module.n_clusters):
            found[f"tail.{i}.0.weight"] = module.out_projs[i + 1].shape[::-1]
            found[f"tail.{i}.1.weight"] = module.out_layers[i + 1].weight.shape
        return found

    def build(self, config, params, dtype):
        if config.get("reduction", "mean") != "mean":
            raise Skipped("its model always takes the mean")
        module = self._module({**config, "in_features": 64, "div_value": 2})
        tensors = {name: self._tensor(a) for name, a in params.items()}
        weight, s, parameter = tensors["head.weight"], config["cutoffs"][0], self.torch.nn.Parameter
        bias = tensors.get("head.bias", weight.new_zeros(len(weight)))
        module.cluster_weight, module.cluster_bias = parameter(weight[s:]), parameter(bias[s:])
        module.out_layers[0].weight = parameter(weight[:s])
        module.out_layers[0].bias = parameter(bias[:s])
        module.out_projs[0] = parameter(self.torch.eye(weight.shape[1], dtype=weight.dtype))
        for i in range(module.n_clusters):
            table = tensors[f"tail.{i}.1.weight"]
            module.out_projs[i + 1] = parameter(tensors[f"tail.{i}.0.weight"].T.contiguous())
            module.out_layers[i + 1].weight = parameter(table)
            bias = tensors.get(f"tail.{i}.1.bias", table.new_zeros(len(table)))
            module.out_layers[i + 1].bias = parameter(bias)
        module.head_bias, module.ignored = "head.bias" in tensors, config.get("ignore_index")
        module.tail_bias = "tail.0.1.bias" in tensors
        return module

    def _results(self, module, x, y):
        """Log-probabilities of the targets and the model's loss; its labels are shifted by one."""
        if x.dim() != 2:
            raise Skipped("one batch axis, which is shifted within")
        if module.ignored not in self.ignores:
            raise Skipped("its model ignores -100 alone, or nothing")
        losses = self._losses(module, x, y)
        return -losses, self._mean(losses)

    def _mean(self, losses):
        return losses[losses != 0].mean()

    def _losses(self, module, x, y):
        x, y = self.torch.cat([x, x.new_zeros(1, x.shape[1])]), self.torch.cat([y.new_zeros(1), y])
        return module(x, y, keep_order=self.keep_order)

    def forward(self, layer, input, target, want):
        with self.torch.no_grad():
            output, loss = self._results(layer, self._tensor(input), self._tensor(target))
        return {"output": output.numpy(), "loss": loss.numpy()}

    def backward(self, layer, input, target, cotangents, want):
        x = self._tensor(input).requires_grad_()
        results = dict(zip(("output", "loss"), self._results(layer, x, self._tensor(target))))
        pairs = [(results[name], self._tensor(a)) for name, a in cotangents.items()]
        return self._gradients(layer, x, pairs)

    def log_prob(self, layer, input):
        """What forward gives without labels: its own `log_prob` raises for any cluster."""
        if input.ndim != 2:
            raise Skipped("one batch axis")
        with self.torch.no_grad():
            return layer(self._tensor(input)).numpy()

    def log_prob_backward(self, layer, input, cotangent, want):
        if input.ndim != 2:
            raise Skipped("one batch axis")
        x = self._tensor(input).requires_grad_()
        return self._gradients(layer, x, [(layer(x), self._tensor(cotangent))])

    def _gradients(self, layer, x, pairs):
        g = super()._gradients(layer, x, pairs)
        join = self._join
        found = {"grad.input": g["grad.input"],
                 "grad.head.weight": join(g["grad.out_layers.0.weight"], g["grad.cluster_weight"])}
        if layer.head_bias:
            found["grad.head.bias"] = join(g["grad.out_layers.0.bias"], g["grad.cluster_bias"])
        for i in range(layer.n_clusters):
            projection = g[f"grad.out_projs.{i + 1}"]
            found[f"grad.tail.{i}.0.weight"] = None if projection is None else projection.T
            found[f"grad.tail.{i}.1.weight"] = g[f"grad.out_layers.{i + 1}.weight"]
            if layer.tail_bias:
                found[f"grad.tail.{i}.1.bias"] = g[f"grad.out_layers.{i + 1}.bias"]
        return found

    def _join(self, *parts):
        return self.torch.cat([self.torch.from_numpy(part) for part in parts]).numpy()


class PytorchTransformers(TransfoXL):
    """The same in pytorch-transformers 1.2.0, before labels were shifted within."""

    file = "pytorch-transformers-1.2.0/pytorch_transformers/modeling_transfo_xl_utilities.py"
    how = ("pip install --no-deps --target build/peers/pytorch-transformers-1.2.0 "
           "pytorch-transformers==1.2.0")
    name, version, ignores = "TransfoXL", "1.2.0", (None,)

    def _losses(self, module, x, y):
        return module(x, y, keep_order=self.keep_order)

    def _mean(self, losses):
        return losses.mean()            # its model gives one loss a token


class TransfoXLNewest(TransfoXL):
    """transformers 4.57.6, the last that has the class: 5.0.0 dropped it."""

    file = ("transformers-4.57.6/transformers/models/deprecated/transfo_xl/"
            "modeling_transfo_xl_utilities.py")
    how = "pip install --no-deps --target build/peers/transformers-4.57.6 transformers==4.57.6"
    version = "4.57.6"


class TransfoXLDefault(TransfoXL):
    """As the model calls it."""

    keep_order = False
