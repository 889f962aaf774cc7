#!/usr/bin/env bash
# OpenVINO: a model of float64 is computed in float32 on a CPU, without a word.
#
# Guess: a model whose every tensor is a double is computed in double, or refused.
# What happens: the output says float64 and has float32's digits: exp(-300) is 0, log(1.00003) is
# off in the third digit, and 1e300 is lost.
# openvino 2026.4.1, onnx 1.23.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import io

import numpy as np
import openvino
from onnx import TensorProto, helper


def run(operator, x):
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "graph",
                              [helper.make_tensor_value_info("x", TensorProto.DOUBLE, x.shape)],
                              [helper.make_tensor_value_info("y", TensorProto.DOUBLE, x.shape)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(model.SerializeToString())), "CPU")
    return np.array(compiled([x])[0])


print(f"openvino {openvino.__version__}")
found = run("Exp", np.array([-300.0, 1.0])), run("Log", np.array([1.00003, 1e300]))
print(f"dtype {found[0].dtype}; exp(-300), exp(1): {found[0].tolist()}; "
      f"they are {np.exp([-300.0, 1.0]).tolist()}")
print(f"log(1.00003), log(1e300): {found[1].tolist()}; "
      f"they are {np.log([1.00003, 1e300]).tolist()}")
if found[0][0] != 0 or abs(found[0][1] - np.e) < 1e-12:
    raise SystemExit("the behaviour has changed")
END
