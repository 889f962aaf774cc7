"""Adaptive inputs of other projects, from the files of their wheels.

    fairseq-input       fairseq's AdaptiveInput
    transfo-xl-input    AdaptiveEmbedding of transformers' TransfoXL
    gluon-nlp-input     AdaptiveEmbedding of gluon-nlp, on MXNet

Each gets the arrays of a case as they are, with an identity where it projects and the case does
not.  None can be asked for padding everywhere: fairseq has it in band 0 alone, where the row that
it reads is 0 from the start; the others have none.
"""
import ast
from collections import OrderedDict

import numpy as np

from npadasoft.conformance.ports import fairseq, gluon_nlp, transfo_xl
from npadasoft.conformance.ports.base import Port, Skipped
from npadasoft.conformance.ports.foreign import DTYPES, EMBEDS, module_of, peer_file
from npadasoft.conformance.wire.messages import PortInfo


class TorchInput(Port):
    """A PyTorch module that embeds; its tables and projections are set by hand."""

    def __init__(self):
        try:
            import torch
        except ImportError:
            raise ImportError("this port needs PyTorch: pip install torch") from None
        self.torch = torch

    def announce(self, name, version):
        """Set `info`."""
        version = f"{version} on torch {self.torch.__version__}"
        self.info = PortInfo(name, version, "python", DTYPES, EMBEDS)

    def parameter(self, array):
        return self.torch.nn.Parameter(self.torch.tensor(np.array(array, order="C")))

    def bands(self, config, params):
        """(table, projection or an identity) of each band."""
        for b in range(len(config["cutoffs"]) + 1):
            table = params[f"bands.{b}.embedding"]
            eye = np.eye(config["in_features"], dtype=table.dtype)
            yield b, table, params.get(f"bands.{b}.projection", eye)

    def parts(self, layer):
        """(table, projection) parameters of each band."""
        raise NotImplementedError

    def embed(self, layer, index):
        with self.torch.no_grad():
            return layer(self.torch.tensor(index)).numpy()

    def embed_backward(self, layer, index, cotangent, want):
        vectors = layer(self.torch.tensor(index))
        if vectors.requires_grad:                       # of no index they do not
            (vectors * self.torch.tensor(cotangent)).sum().backward()
        found = {}
        for b, (table, projection) in enumerate(self.parts(layer)):
            found[f"grad.bands.{b}.embedding"] = None if table.grad is None else table.grad.numpy()
            turned = None if projection.grad is None else projection.grad.numpy().T
            found[f"grad.bands.{b}.projection"] = turned
        return {name: g for name, g in found.items() if name in want}

    def error_kind(self, error):
        return "target" if isinstance(error, IndexError) else "other"


class FairseqInput(TorchInput):
    """fairseq 0.12.2 on a CPU."""

    def __init__(self):
        super().__init__()
        self.module = module_of(
            peer_file(fairseq.FOLDER + "modules/adaptive_input.py", fairseq.HOW),
            {"fairseq": {}, "fairseq.modules": {},
             "fairseq.modules.quant_noise": {"quant_noise": lambda module, *_: module}})
        self.announce("fairseq AdaptiveInput", "0.12.2")

    def build(self, config, params, dtype):
        if config.get("scaled"):
            raise Skipped("its caller multiplies by the root")
        padding, s = config.get("padding_index"), config["cutoffs"][0]
        if padding is not None and not 0 <= padding < s:
            raise Skipped("padding_idx is a class of the first band")
        D = config["in_features"]
        smallest = min([s, *np.diff([*config["cutoffs"], config["n_classes"]])])
        layer = self.module.AdaptiveInput(      # its padding is a row of every band, at first
            config["n_classes"], min(padding or 0, smallest - 1), D, 1.0, D,
            list(config["cutoffs"]))
        for b, table, projection in self.bands(config, params):
            layer.embeddings[b][0].weight = self.parameter(table)
            layer.embeddings[b][1].weight = self.parameter(projection.T)
        first = layer.embeddings[0][0]
        first.padding_idx = padding
        if padding is not None:
            with self.torch.no_grad():
                first.weight[padding] = 0
        layer._float_tensor = self.torch.zeros(1, dtype=getattr(self.torch, dtype))
        return layer

    def parts(self, layer):
        return [(band[0].weight, band[1].weight) for band in layer.embeddings]


class TransfoXLInput(TorchInput):
    """transformers 4.35.2 on a CPU."""

    def __init__(self):
        super().__init__()
        path = transfo_xl.FILE.replace("_utilities", "")
        source = peer_file(path, transfo_xl.HOW).read_text(encoding="utf-8")
        names = {"torch": self.torch, "nn": self.torch.nn}
        exec(compile(_class("AdaptiveEmbedding", source), path, "exec"), names)
        self.layer_class = names["AdaptiveEmbedding"]
        self.announce("TransfoXL AdaptiveEmbedding", "4.35.2")

    def build(self, config, params, dtype):
        if config.get("padding_index") is not None:
            raise Skipped("it has no padding")
        D = config["in_features"]
        layer = self.layer_class(config["n_classes"], D, D, list(config["cutoffs"]), 1)
        layer.div_val = 0                       # one table a band, whatever the sizes
        if not config.get("scaled"):
            layer.emb_scale = 1.0
        layer.emb_layers = self.torch.nn.ModuleList()
        layer.emb_projs = self.torch.nn.ParameterList()
        for _, table, projection in self.bands(config, params):
            embedding = self.torch.nn.Embedding(*table.shape)
            embedding.weight = self.parameter(table)
            layer.emb_layers.append(embedding)
            layer.emb_projs.append(self.parameter(projection.T))
        return layer

    def parts(self, layer):
        return [(e.weight, p) for e, p in zip(layer.emb_layers, layer.emb_projs)]


class GluonNLPInput(Port):
    """gluon-nlp's class on MXNet."""

    def __init__(self):
        try:
            import mxnet
        except ImportError:
            raise ImportError("this port needs MXNet: "
                              "pip install mxnet==1.9.1 'numpy<1.24'") from None
        import typing
        mxnet.npx.set_np()
        self.mx = mxnet
        source = peer_file(gluon_nlp.FILE, gluon_nlp.HOW).read_text(encoding="utf-8")
        names = {"use_np": mxnet.util.use_np, "HybridBlock": mxnet.gluon.HybridBlock,
                 "nn": mxnet.gluon.nn, "OrderedDict": OrderedDict, "InitializerType": object,
                 **vars(typing)}
        for name in ("_fmt_and_check_cutoffs", "AdaptiveEmbedding"):
            exec(compile(_class(name, source), gluon_nlp.FILE, "exec"), names)
        self.layer_class = names["AdaptiveEmbedding"]
        version = f"{gluon_nlp.VERSION} on MXNet {mxnet.__version__}"
        self.info = PortInfo("AdaptiveEmbedding", version, "python", DTYPES, EMBEDS)

    def build(self, config, params, dtype):
        if config.get("padding_index") is not None:
            raise Skipped("it has no padding")
        D, tables = config["in_features"], len(config["cutoffs"]) + 1
        sizes = [params[f"bands.{b}.embedding"].shape[1] for b in range(tables)]
        layer = self.layer_class(config["n_classes"], sizes[0], D, list(config["cutoffs"]),
                                 1 - 2.0**-53, scaled=bool(config.get("scaled")))
        layer.cast(dtype)                       # its argument dtype changes nothing
        weights = layer._collect_params_with_prefix()
        for b in range(tables):
            table = params[f"bands.{b}.embedding"]
            eye = np.eye(D, dtype=table.dtype)
            for name, array in ((f"embed{b}_weight", table),
                                (f"inter_proj{b}_weight",
                                 params.get(f"bands.{b}.projection", eye))):
                weights[name]._shape = array.shape      # whatever the sizes that it computed
                weights[name].initialize(self.mx.init.Zero())
                weights[name].set_data(self._array(array))
        self.weights = weights
        return layer

    def _array(self, array):
        array = np.array(array, order="C")
        return self.mx.np.array(array, dtype=array.dtype)

    def embed(self, layer, index):
        return layer(self._array(index)).asnumpy()

    def embed_backward(self, layer, index, cotangent, want):
        with self.mx.autograd.record():
            total = (layer(self._array(index)) * self._array(cotangent)).sum()
        total.backward()
        found = {}
        for name in want:
            _, _, b, kind = name.split(".")
            own = f"embed{b}_weight" if kind == "embedding" else f"inter_proj{b}_weight"
            found[name] = self.weights[own].grad().asnumpy()
        return found


def _class(name, source):
    """The definition of one name in a file, alone: the rest of it needs the package."""
    nodes = [node for node in ast.parse(source).body if getattr(node, "name", None) == name]
    return ast.Module(nodes, [])
