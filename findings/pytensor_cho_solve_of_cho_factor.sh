#!/usr/bin/env bash
# PyTensor: the gradient of cho_solve by a factor as SciPy answers it is wrong.
#
# Guess: the same as by a factor with zeros in the other triangle; cho_solve reads one triangle, and
# cho_factor leaves the other as it finds it.
# What happens: the value is that of the triangle, the gradient multiplies by all of the matrix.
# pytensor 3.0.7 (without a C compiler), SciPy 1.17.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    pytensor==3.0.7 scipy==1.17.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import os

os.environ["PYTENSOR_FLAGS"] = "cxx=,mode=FAST_COMPILE"

import numpy as np
import pytensor
import pytensor.tensor as pt
import scipy.linalg
from pytensor.tensor.linalg import cho_solve

print(f"pytensor {pytensor.__version__}")
factor, right = pt.dmatrix("factor"), pt.dmatrix("right")
total = cho_solve((factor, True), right).sum()
f = pytensor.function([factor, right], total)
slope = pytensor.function([factor, right], pytensor.grad(total, factor))
S = np.array([[9.0, 1, 4], [1, 8, 2], [4, 2, 7]])
b = np.arange(6.0).reshape(3, 2)
found = {}
for name, C in (("as cho_factor answers it", scipy.linalg.cho_factor(S, lower=True)[0]),
                ("with zeros above", np.linalg.cholesky(S))):
    step = np.zeros((3, 3))
    step[2, 2] = 1e-5
    found[name] = slope(C, b)[2, 2]
    print(f"{name}: value {f(C, b):.6f}, gradient at [2, 2] {found[name]:.5f}, "
          f"differences {(f(C + step, b) - f(C - step, b)) / 2e-5:.5f}")
if abs(np.subtract(*found.values())) < 1e-9:
    raise SystemExit("the behaviour has changed")
END
