#!/usr/bin/env bash
# ONNX Runtime: ReduceLogSumExp of a million float32 numbers is off by 1e-3, LogSoftmax by 4e-6.
#
# Guess: the logarithm of the sum that LogSoftmax takes off is the one that ReduceLogSumExp answers.
# What happens: ReduceLogSumExp adds up one number after the other in float32. The error grows with
# their number.
# onnxruntime 1.32.0 on a CPU (x86-64), onnx 1.23.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
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
import onnxruntime
from onnx import TensorProto, helper

print(f"onnxruntime {onnxruntime.__version__}")


def run(op, z, **attributes):
    io = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", z.shape), ("y", None))]
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"], **attributes)], op, io[:1], io[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": z})[0].astype(np.float64)


for n in (10_000, 1_000_000):
    z = (2 * np.random.default_rng(0).normal(size=(1, n))).astype(np.float32)
    right = np.log(np.exp(z.astype(np.float64)).sum())
    error = abs(run("ReduceLogSumExp", z, axes=[1], keepdims=0)[0] - right)
    other = abs(z[0, 0] - run("LogSoftmax", z, axis=1)[0, 0] - right)
    print(f"{n:9,} numbers: ReduceLogSumExp is off by {error:.1e}, LogSoftmax by {other:.1e}")
if error < 20 * other:
    raise SystemExit("the behaviour has changed")
END
