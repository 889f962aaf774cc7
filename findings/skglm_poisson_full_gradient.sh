#!/usr/bin/env bash
# skglm: the gradient of Poisson by sparse columns has exp(Xw - y) for exp(Xw) - y.
#
# Guess: Poisson.full_grad_sparse answers what gradient answers, for the same matrix in columns.
# What happens: a parenthesis is closed too late. gradient_scalar_sparse, one column at a time,
# is right.
# skglm 0.5, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile skglm==0.5 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import numpy as np
from scipy import sparse
from skglm.datafits import Poisson

print(f"skglm {version('skglm')}")
fit = Poisson()
X = np.array([[1.0, 0.2], [0.0, -0.5], [0.7, 0.0], [-0.3, 1.1]])
y, w = np.array([2.0, 0.0, 1.0, 3.0]), np.array([0.4, -0.1])
steps = 1e-6 * np.eye(2)
S = sparse.csc_matrix(X)
columns = S.data, S.indptr, S.indices
right = [(fit.value(y, w + d, X @ (w + d)) - fit.value(y, w - d, X @ (w - d))) / 2e-6
         for d in steps]
answered = fit.full_grad_sparse(*columns, y, X @ w)
one = [fit.gradient_scalar_sparse(*columns, y, X @ w, j) for j in range(2)]
for name, found in (("differences", right), ("gradient", fit.gradient(X, y, X @ w)),
                    ("gradient_scalar_sparse", one), ("full_grad_sparse", answered)):
    print(f"{name}: {np.round(found, 6)}")
if np.allclose(answered, right, rtol=1e-3):
    raise SystemExit("the behaviour has changed")
END
