#!/usr/bin/env bash
# onnx: the reference evaluator's LogSoftmax is -inf where the true value is -800.
#
# Guess: the reference of the standard is at least as good as the runtimes that are held to it.
# What happens: it takes the logarithm of the softmax, which underflows to 0. ReduceLogSumExp of
# what is all -inf is nan; its limit, and what runtimes give, is -inf.
# onnx 1.23.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile onnx==1.23.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


def run(operator, x, **attributes):
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"], **attributes)], "graph",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return ReferenceEvaluator(model).run(None, {"x": x})[0].tolist()


print(f"onnx {onnx.__version__}, NumPy {np.__version__}")
scores = run("LogSoftmax", np.array([[0.0, -40.0, -800.0]]), axis=-1)[0]
nothing = run("ReduceLogSumExp", np.full((1, 2), -np.inf), keepdims=0)
print(f"LogSoftmax of 0, -40, -800: {scores}")
print(f"ReduceLogSumExp of -inf, -inf: {nothing}")
if scores[2] != -np.inf or not np.isnan(nothing):
    raise SystemExit("the behaviour has changed")
END
