#!/usr/bin/env bash
# PyTensor: norm(x, 3) of float64 has eight digits, as the power is 0.33333334.
#
# Guess: 3.30192724889463 of (1, 2, 3), as NumPy has it.
# What happens: the reciprocal of a small integer is a float32, and so is the power that the sum of
# cubes is raised to.
# pytensor 3.0.7 (without a C compiler), NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    pytensor==3.0.7 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import os

os.environ["PYTENSOR_FLAGS"] = "cxx=,mode=FAST_COMPILE"

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.linalg import norm

print(f"pytensor {pytensor.__version__}")
x = np.array([1.0, 2.0, 3.0])
for order in (2, 3, 5):
    found, right = float(norm(pt.constant(x), order).eval()), np.linalg.norm(x, order)
    print(f"order {order}: {found:.14f}, NumPy {right:.14f}")
print(f"reciprocal(3) is {pt.reciprocal(3).eval()!r}, {pt.reciprocal(3).dtype}")
if abs(found - right) < 1e-12:
    raise SystemExit("the behaviour has changed")
END
