#!/usr/bin/env bash
# neurolab: the derivative of its mean squared error is three times too large for three outputs.
#
# Guess: error.MSE().deriv(target, output) is the derivative of error.MSE()(target, output) by the
# output, up to a sign.
# What happens: the error is divided by all numbers, its derivative by the rows alone; both signs
# are turned, in SSE as well.
# neurolab 0.3.5, NumPy 1.23.5, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile neurolab==0.3.5 numpy==1.23.5 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import neurolab as nl
import numpy as np

print(f"neurolab {version('neurolab')}")
target = np.array([[1.0, 0.0, 0.5], [0.2, 0.9, 0.1]])
output = np.array([[0.7, 0.3, 0.6], [0.1, 0.4, 0.8]])
step = np.zeros((2, 3))
step[1, 2] = 1e-5
for name in "SSE", "MSE":
    f = getattr(nl.error, name)()
    right = (f(target, output + step) - f(target, output - step)) / 2e-5
    answered = f.deriv(target, output)[1, 2]
    print(f"{name}: deriv {answered:.6f}, differences {right:.6f}, ratio {answered / right:.4f}")
if abs(abs(answered / right) - 1) < 1e-3:
    raise SystemExit("the behaviour has changed")
END
