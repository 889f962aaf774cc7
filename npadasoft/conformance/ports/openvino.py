"""Our ONNX export in OpenVINO: `npadasoft conform --port openvino`  (pip install openvino onnx)."""
import io

import numpy as np

from npadasoft.conformance.ports.onnxruntime import OPS, OnnxReference
from npadasoft.conformance.wire.messages import PortInfo
from npadasoft.interop.onnx import OPSET


class OpenVino(OnnxReference):
    """OpenVINO on a CPU, as it comes."""

    def __init__(self):
        try:
            import onnx
            import openvino
        except ImportError:
            raise ImportError("this port needs OpenVINO: pip install openvino onnx") from None
        self.onnx, self.openvino = onnx, openvino
        version = f"{openvino.__version__.split('-')[0]}, opset {OPSET}"
        self.info = PortInfo("OpenVINO", version, "ONNX", dtypes=("float64", "float32"), ops=OPS)

    def _evaluate(self, model, feeds):
        core = self.openvino.Core()
        network = core.read_model(io.BytesIO(model.SerializeToString()))
        found = core.compile_model(network, "CPU")(feeds)
        return [np.array(found[i]) for i in range(len(model.graph.output))]
