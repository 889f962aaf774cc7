#!/usr/bin/env bash
# scikit-optimize: the gradient of a Gaussian process' std is wrong if the prior variance varies.
#
# Guess: predict(x, return_std_grad=True) answers the gradient of the std that it answers.
# What happens: the derivative of k(x, x) is left out. It is zero for RBF and Matern, and not
# for DotProduct, nor for a sum or a product with it; acquisitions inherit it.
# scikit-optimize 0.10.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile scikit-optimize==0.10.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import numpy as np
from skopt.learning import GaussianProcessRegressor
from skopt.learning.gaussian_process.kernels import RBF, DotProduct

print(f"scikit-optimize {version('scikit-optimize')}")
X = np.array([[0.1, 0.9], [1.2, -0.4], [-0.8, 0.3], [0.5, 1.5]])
y, x = np.array([0.3, -0.2, 0.8, 0.1]), np.array([[0.6, 0.4]])
for name, kernel in (("RBF", RBF(0.8)), ("RBF + DotProduct", RBF(0.8) + DotProduct(0.7))):
    gp = GaussianProcessRegressor(kernel, alpha=1e-6, optimizer=None).fit(X, y)
    std = lambda x: gp.predict(x, return_std=True)[1][0]
    right = np.array([(std(x + d) - std(x - d)) / 2e-5 for d in 1e-5 * np.eye(2)])
    answered = gp.predict(x, return_std=True, return_mean_grad=True, return_std_grad=True)[3]
    print(f"{name}: gradient of std {np.round(answered, 5)}, differences {np.round(right, 5)}")
if np.allclose(answered, right, rtol=1e-3):
    raise SystemExit("the behaviour has changed")
END
