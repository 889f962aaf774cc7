#!/usr/bin/env bash
# copt: the Hessian of LogLoss divides the penalty by the number of samples, LogLoss does not.
#
# Guess: hessian_mv(x) multiplies by the derivative of the gradient that f_grad(x) answers.
# What happens: alpha x is added before the division by the number of samples, which is meant
# for the data alone. With alpha = 0 it is right.
# copt 0.9.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile copt==0.9.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import numpy as np
from copt.loss import LogLoss

print(f"copt {version('copt')}")
A = np.array([[1.0, 0.2], [0.3, -0.5], [0.7, 0.1], [-0.3, 1.1]])
b, x, v = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.4, -0.1]), np.array([1.0, 2.0])
for alpha in 0.0, 1.0:
    f = LogLoss(A, b, alpha)
    right = (f.f_grad(x + 1e-6 * v)[1] - f.f_grad(x - 1e-6 * v)[1]) / 2e-6
    answered = f.hessian_mv(x)(v)
    print(f"alpha {alpha}: hessian_mv {np.round(answered, 6)}, differences of the gradient "
          f"{np.round(right, 6)}")
if np.allclose(answered, right, rtol=1e-3):
    raise SystemExit("the behaviour has changed")
END
