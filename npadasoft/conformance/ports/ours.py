"""The layer itself as a port; its trace comes from the steps that the layer takes."""
from functools import lru_cache

from npadasoft._version import __version__
from npadasoft import tangents as of
from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss
from npadasoft.adaptive_input import AdaptiveInput
from npadasoft.conformance.ports.base import Port
from npadasoft.conformance.wire.messages import DTYPES, PortInfo
from npadasoft.parameters import Bands, Parameters

TRACE = ("cluster", "head_column", "tail.*.relative_target", "head_logits", "head_log_prob",
         "tail.*.hidden", "tail.*.logits", "tail.*.log_prob", "grad.head_logits",
         "grad.tail.*.hidden", "grad.tail.*.logits")
_KINDS = {"hidden size": "config", "at least": "config", "cutoffs": "cutoffs",
          "arget values": "target", "Index values": "target", "target should hold": "target",
          " size": "shape", "shape": "shape", "features": "shape", "precisions": "dtype",
          "should": "config"}


class Ours(Port):
    """`npadasoft.AdaptiveLogSoftmaxWithLoss`: forward, then backward."""

    info = PortInfo("npadasoft", __version__, "python", dtypes=DTYPES[:3], trace=TRACE)
    layer_class = AdaptiveLogSoftmaxWithLoss

    def error_kind(self, error):
        found = (kind for words, kind in _KINDS.items() if words in str(error))
        return getattr(error, "kind", next(found, "other"))

    def build(self, config, params, dtype):
        if "bands.0.embedding" in params:
            return _input(config, params, dtype)
        layer = _keeping_logits(self.layer_class)(**config, dtype=dtype, rng=0)
        layer.load_state_dict(params)
        return layer

    def shapes(self, config):
        layer = self.layer_class(**config, rng=0)
        return {name: array.shape for name, array in layer.state_dict().items()}

    def forward(self, layer, input, target, want):
        (output, loss), cache = layer.forward(input, target)
        head, hidden, tails = layer.logits
        found = {"output": output, "loss": loss, "head_logits": head,
                 "cluster": cache.routing.tail[cache.routing.kept] + 1,
                 "head_column": cache.routing.head_column, "head_log_prob": cache.head_log_prob}
        for i, (s, t) in enumerate(zip(hidden, tails)):
            found |= {f"tail.{i}.relative_target": cache.routing.relative_target[i],
                      f"tail.{i}.hidden": s, f"tail.{i}.logits": t,
                      f"tail.{i}.log_prob": cache.tail_log_prob[i]}
        return found

    def backward(self, layer, input, target, cotangents, want):
        _, cache = layer.forward(input, target)
        q = layer._upstream(cache, cotangents.get("output"), cotangents.get("loss", 0.0))
        dhead, dtails = layer._logit_gradients(cache, q)
        gradients, dhidden = layer._pull_back(cache, dhead, dtails)
        found = {**named(gradients), "grad.head_logits": dhead}
        for i, (dt, ds) in enumerate(zip(dtails, dhidden)):
            found |= {f"grad.tail.{i}.logits": dt, f"grad.tail.{i}.hidden": ds}
        return found

    def log_prob(self, layer, input):
        return layer.log_prob(input)

    def log_prob_backward(self, layer, input, cotangent, want):
        return named(layer.log_prob_backward(input, cotangent))

    def predict(self, layer, input):
        return layer.predict(input)

    def topk(self, layer, input, k):
        values, index = layer.topk(input, k)
        return {"topk.log_prob": values, "topk.index": index}

    def jvp(self, layer, input, target, tangents, want):
        _, cache = layer.forward(input, target)
        output, loss = of.jvp(layer, cache, *_direction(layer, tangents))
        return {"jvp.output": output, "jvp.loss": loss}

    def log_prob_jvp(self, layer, input, tangents):
        return of.log_prob_jvp(layer, input, *_direction(layer, tangents))

    def hvp(self, layer, input, target, cotangents, tangents, want):
        _, cache = layer.forward(input, target)
        dx, d = _direction(layer, tangents)
        found = of.hvp(layer, cache, dx, d, cotangents.get("output"), cotangents.get("loss", 0.0))
        return {f"hvp.{path}": array for path, array in found.by_path().items()}

    def embed(self, layer, index):
        return layer(index)

    def embed_backward(self, layer, index, cotangent, want):
        _, cache = layer.forward(index)
        return {f"grad.{path}": array for path, array in layer.backward(cache, cotangent).items()}


def _input(config, params, dtype):
    """The adaptive input of a case."""
    options = {name: config[name] for name in ("padding_index", "scaled") if name in config}
    made = AdaptiveInput(config["in_features"], config["n_classes"], config["cutoffs"], 1.0,
                         dtype=dtype, rng=0, **options)
    return made.with_parameters(Bands.from_items(params))


def _direction(layer, tangents):
    """The direction (d_input, d_parameters); what has no tangent stands still."""
    d = {path: tangents.get(path, 0 * w) for path, w in layer.parameters.items()}
    return tangents.get("input"), Parameters.from_items(d)


@lru_cache
def _keeping_logits(layer_class):
    """The layer, which also shows the logits of its last forward."""
    def logits(self, *args):
        self.logits = layer_class._logits(self, *args)
        return self.logits
    return type("Keeping", (layer_class,), {"_logits": logits})


def named(gradients):
    """`Gradients` under the names that the judge uses."""
    return {f"grad.{path}": array for path, array in gradients.by_path().items()}
