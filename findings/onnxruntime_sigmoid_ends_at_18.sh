#!/usr/bin/env bash
# ONNX Runtime: on a CPU Sigmoid is 0 below -18, and wrong by a factor near it, in float64 too.
#
# Guess: sigmoid(-17.4) is 2.8e-8 and sigmoid(-40) 4.2e-18, to the digits of the number type.
# What happens: x is clamped to 18 either way, and a rational function evaluated: sigmoid(-17.4) is
# four times too large in float32, and sigmoid(-40) is 0, in float64 as well. Its logarithm, a loss,
# is -inf then.
# onnxruntime 1.32.0, onnx 1.23.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper


def sigmoid(x):
    kind = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[x.dtype.name]
    graph = helper.make_graph([helper.make_node("Sigmoid", ["x"], ["y"])], "graph",
                              [helper.make_tensor_value_info("x", kind, x.shape)],
                              [helper.make_tensor_value_info("y", kind, x.shape)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}")
x = np.array([-10.0, -17.391113, -19.58015, -40.0])
true = 1 / (1 + np.exp(-x))
for kind in np.float32, np.float64:
    found = sigmoid(x.astype(kind))
    for a, b, c in zip(x, found, true):
        print(f"{kind.__name__}: sigmoid({a}) is {b:.4g}, should be {c:.4g}")
    if found[-1] != 0:
        raise SystemExit("the behaviour has changed")
END
