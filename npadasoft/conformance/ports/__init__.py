"""Ready ports by name, and ports by `module:Class`."""
import importlib
import os
import sys
import traceback

METHODS = ("start", "run", "restart", "stop")       # what a port must have: base.Port has them
_HERE = "npadasoft.conformance.ports."
READY = {
    "ours": (_HERE + "ours:Ours", "the layer itself"),
    "ours-blocked": (_HERE + "blocked:Blocked", "its blocked pass, in least memory"),
    "ours-blocked-1": (_HERE + "blocked:OneRow", "in blocks of one row"),
    "ours-blocked-3": (_HERE + "blocked:ThreeRows", "in blocks of three rows"),
    "ours-blocked-cut": (_HERE + "blocked:Cut", "in blocks cut in classes too"),
    "torch": (_HERE + "torch:Torch", "PyTorch's layer"),
    "torch-newest": (_HERE + "torch:Torch", "the same, of the newest version"),
    "torch-compile": (_HERE + "torch_compile:TorchCompile", "behind torch.compile, aot_eager"),
    "torch-inductor": (_HERE + "torch_compile:TorchInductor", "behind torch.compile"),
    "libtorch": (_HERE + "libtorch:LibTorch", "PyTorch's C++ layer, compiled"),
    "paddle": (_HERE + "paddle:Paddle", "Paddle's layer"),
    "jax": (_HERE + "jax:Jax", "the definition in JAX"),
    "autograd": (_HERE + "autograd:Autograd", "the definition in NumPy, by autograd"),
    "mlx": (_HERE + "mlx:Mlx", "the definition in MLX"),
    "tensorflow": (_HERE + "tensorflow:TensorFlow", "the definition in TensorFlow"),
    "chainer": (_HERE + "chainer:Chainer", "the definition in Chainer"),
    "tinygrad": (_HERE + "tinygrad:Tinygrad", "the definition in tinygrad"),
    "onnxruntime": (_HERE + "onnxruntime:OnnxRuntime", "our ONNX export, by onnxruntime"),
    "onnx-reference": (_HERE + "onnxruntime:OnnxReference", "our ONNX export, by onnx"),
    "onnxruntime-node": (_HERE + "onnxruntime_js:Node", "our ONNX export, by onnxruntime-node"),
    "onnxruntime-web": (_HERE + "onnxruntime_js:Web", "our ONNX export, in WebAssembly"),
    "openvino": (_HERE + "openvino:OpenVino", "our ONNX export, by OpenVINO"),
    "keras-adaptive-softmax": (_HERE + "keras_adaptive_softmax:KerasAdaptiveSoftmax",
                               "CyberZHG's layer, on tf_keras"),
    "dynet": (_HERE + "dynet:DyNet", "DyNet's ClassFactoredSoftmaxBuilder"),
    "fairseq": (_HERE + "fairseq:Fairseq", "fairseq's AdaptiveSoftmax"),
    "transfo-xl": (_HERE + "transfo_xl:TransfoXL", "transformers' TransfoXL"),
    "transfo-xl-default": (_HERE + "transfo_xl:TransfoXLDefault", "the same, rows by cluster"),
    "transfo-xl-newest": (_HERE + "transfo_xl:TransfoXLNewest", "the last version that has it"),
    "pytorch-transformers": (_HERE + "transfo_xl:PytorchTransformers", "its early version"),
    "gluon-nlp": (_HERE + "gluon_nlp:GluonNLP", "gluon-nlp's projected layer, MXNet"),
    "fairseq-input": (_HERE + "inputs:FairseqInput", "fairseq's AdaptiveInput"),
    "transfo-xl-input": (_HERE + "inputs:TransfoXLInput", "TransfoXL's AdaptiveEmbedding"),
    "gluon-nlp-input": (_HERE + "inputs:GluonNLPInput", "gluon-nlp's AdaptiveEmbedding, MXNet"),
    "linear-ours": (_HERE + "linear:Ours", "the head alone: our cross-entropy of a linear map"),
    "linear-ours-blocks": (_HERE + "linear:OursInBlocks", "the same in the smallest blocks"),
    "linear-torch": (_HERE + "linear:Torch", "PyTorch's cross_entropy of a linear map"),
    "linear-torch-fused": (_HERE + "linear:TorchLinear", "PyTorch's linear_cross_entropy"),
    "linear-torch-chunked": (_HERE + "linear:TorchChunked", "the same in chunks of rows"),
    "linear-sklearn": (_HERE + "linear:Sklearn", "scikit-learn's HalfMultinomialLoss"),
    "linear-optax": (_HERE + "linear:Optax", "optax's cross-entropy, JAX"),
    "linear-cut": (_HERE + "losses:CutCrossEntropy", "cut-cross-entropy, on a CPU"),
    "linear-tensorflow": (_HERE + "losses:TensorFlow", "TensorFlow's sparse cross-entropy"),
    "linear-keras": (_HERE + "losses:Keras", "Keras's sparse cross-entropy, TensorFlow"),
    "linear-paddle": (_HERE + "losses:Paddle", "Paddle's cross_entropy"),
    "linear-mlx": (_HERE + "losses:Mlx", "MLX's cross_entropy"),
    "linear-chainer": (_HERE + "losses:Chainer", "Chainer's softmax_cross_entropy"),
    "linear-tinygrad": (_HERE + "losses:Tinygrad", "tinygrad's cross-entropy"),
}


def load(name):
    """The port that is called `name`: one of `READY`, or `module:Class`.

    Raises
    ------
    ValueError
        If there is none; the message says why.
    """
    where = READY[name][0] if name in READY else name
    module, colon, attribute = where.partition(":")
    if not colon:
        raise ValueError(f"{name!r} is no ready port ({', '.join(READY)}) and no module:Class")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())             # as `python -m` would
    try:
        port = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from None
    except Exception as error:                          # of a stranger's module, or class
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise ValueError(f"{name} cannot be made, {type(error).__name__}: {error} ({at.filename}, "
                         f"line {at.lineno})") from error
    lacking = [method for method in METHODS if not callable(getattr(port, method, None))]
    if lacking:
        raise ValueError(
            f"{name} is no port, it has no {', no '.join(lacking)}: derive it from "
            "npadasoft.conformance.ports.base.Port and write `info`, `build` and the operations "
            "that it has (forward, backward, log_prob, ...)")
    return port
