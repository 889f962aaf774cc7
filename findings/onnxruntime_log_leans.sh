#!/usr/bin/env bash
# onnxruntime: Log of float64 is too small, by a quarter of a last place on average.
#
# Guess: a log that is right to within a last place errs up as often as down: NumPy's, on the same
# 4000 numbers, has a mean error of 0.00 u (u = 2**-53, half a last place at 1).
# What happens: every number is within two u, and the mean error is -0.5 u, 50 sigma from 0. Sums of
# thousands of such logs (log-likelihoods, entropies) drift to one side. Log of float32 does not
# lean, nor does Exp.
# onnxruntime 1.32.0, onnx 1.23.2 on a CPU, mpmath 1.3.0, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile onnxruntime==1.32.0 onnx==1.23.2 \
    numpy==2.4.6 mpmath==1.3.0 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import mpmath
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

print(f"onnxruntime {onnxruntime.__version__}")
mpmath.mp.prec = 120
x = np.random.default_rng(0).uniform(1.2, 8, 4000)


def log_of(kind, values):
    graph = helper.make_graph([helper.make_node("Log", ["x"], ["y"])], "log",
                              [helper.make_tensor_value_info("x", kind, [None])],
                              [helper.make_tensor_value_info("y", kind, [None])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    return session.run(None, {"x": values})[0]


def mean_error(found, values, u):
    exact = [mpmath.log(mpmath.mpf(float(v))) for v in values]
    return float(np.mean([float((mpmath.mpf(float(y)) - w) / w) for y, w in zip(found, exact)]) / u)


leans = {"onnxruntime float64": mean_error(log_of(TensorProto.DOUBLE, x), x, 2.0**-53),
         "NumPy float64": mean_error(np.log(x), x, 2.0**-53),
         "onnxruntime float32": mean_error(log_of(TensorProto.FLOAT, x.astype(np.float32)),
                                           x.astype(np.float32), 2.0**-24)}
for name, lean in leans.items():
    print(f"Log of {name}: mean error {lean:+.2f} u")
if not (leans["onnxruntime float64"] < -0.3 and abs(leans["NumPy float64"]) < 0.1):
    raise SystemExit("the behaviour has changed: it does not lean, or NumPy's does")
END
