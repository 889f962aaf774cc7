"""Our own ONNX export as a port, run by onnxruntime or by onnx's reference evaluator.

`npadasoft conform --port onnxruntime`, `--port onnx-reference`.  What is judged is the exported
graph: it has no gradients, and takes batches (N, D).
"""
import numpy as np

from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss
from npadasoft.conformance.ports.base import Port, Skipped
from npadasoft.conformance.wire.messages import PortInfo
from npadasoft.interop.onnx import OPSET, onnx_model

OPS = ("forward", "log_prob", "predict")


class OnnxRuntime(Port):
    """onnxruntime on a CPU, with its default optimisations."""

    def __init__(self):
        try:
            import onnx
            import onnxruntime
        except ImportError:
            raise ImportError("this port needs them: pip install onnx onnxruntime") from None
        self.onnx, self.onnxruntime = onnx, onnxruntime
        self.info = PortInfo("onnxruntime", f"{onnxruntime.__version__}, opset {OPSET}", "ONNX",
                             dtypes=("float64", "float32"), ops=OPS)

    def build(self, config, params, dtype):
        layer = AdaptiveLogSoftmaxWithLoss(**config, dtype=dtype, rng=0)
        layer.load_state_dict(params)
        return layer

    def forward(self, layer, input, target, want):
        output, loss = self._run(layer, "forward", input, target)
        return {"output": output, "loss": loss}

    def log_prob(self, layer, input):
        return self._run(layer, "log_prob", input)[0]

    def predict(self, layer, input):
        return self._run(layer, "predict", input)[0]

    def error_kind(self, error):
        return "target" if "out of range" in str(error).lower() else "shape"

    def _run(self, layer, function, input, target=None):
        if input.ndim != 2:
            raise Skipped("the exported graph takes batches (N, in_features)")
        feeds = {"input": np.array(input, order="C")}
        if target is not None:
            feeds["target"] = np.array(target, order="C")
        return self._evaluate(onnx_model(layer, function), feeds)

    def _evaluate(self, model, feeds):
        options = self.onnxruntime.SessionOptions()
        options.log_severity_level = 4              # an error is an answer, not a line on stderr
        options.intra_op_num_threads = 1
        session = self.onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return session.run(None, feeds)


class OnnxReference(OnnxRuntime):
    """`onnx.reference.ReferenceEvaluator`: NumPy, one operator after the other."""

    def __init__(self):
        super().__init__()
        self.info = PortInfo("onnx.reference", f"{self.onnx.__version__}, opset {OPSET}", "ONNX",
                             dtypes=("float64", "float32"), ops=OPS)

    def _evaluate(self, model, feeds):
        from onnx.reference import ReferenceEvaluator
        return ReferenceEvaluator(model).run(None, feeds)
