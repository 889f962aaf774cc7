#!/usr/bin/env bash
# MLX: exp, sigmoid, sin, cos, erf and softmax of float64 are computed in float32, or worse.
#
# Guess: on a CPU, where MLX has float64, its functions have about sixteen digits there.
# What happens: those six have six or seven, while log, log1p, expm1, tanh, sqrt and products have
# sixteen. exp(89) is inf and exp(-89) is 0 in float64; in float32 exp(-78) is off by sixty units in
# the last place.
# mlx 0.32.4 with mlx-cpu (Linux, x86-64), NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    mlx==0.32.4 mlx-cpu==0.32.4 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import math

import mlx.core as mx
import numpy as np

print("mlx 0.32.4")
mx.set_default_device(mx.cpu)
x = np.linspace(0.5, 3, 7)
true = {"exp": np.exp(x), "sigmoid": 1 / (1 + np.exp(-x)), "sin": np.sin(x), "cos": np.cos(x),
        "erf": np.vectorize(math.erf)(x), "softmax": np.exp(x) / np.exp(x).sum(),
        "log": np.log(x), "log1p": np.log1p(x), "expm1": np.expm1(x), "tanh": np.tanh(x)}
error = {}
for name, right in true.items():
    found = np.array(getattr(mx, name)(mx.array(x, dtype=mx.float64)))
    error[name] = np.abs(found / right - 1).max()
    print(f"{name}: {found.dtype}, largest relative error {error[name]:.2g}")
ends = np.array(mx.exp(mx.array([-89.0, 89.0], dtype=mx.float64))).tolist()
print(f"exp of -89 and 89 in float64: {ends}; they are 2.2e-39 and 4.5e+38")
if ends != [0, math.inf] or error["exp"] < 1e-12 or error["tanh"] > 1e-12:
    raise SystemExit("the behaviour has changed")
END
