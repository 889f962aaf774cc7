#!/usr/bin/env bash
# statsmodels: NegativeBinomial.loglike answers another number after fit than before.
#
# Guess: loglike, score and hessian of a model depend on the parameters that they get.
# What happens: before fit the last parameter is read as the logarithm of alpha, after it as
# alpha; and the hessian before fit is that of neither.
# statsmodels 0.15.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile statsmodels==0.15.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import statsmodels
from statsmodels.discrete.discrete_model import NegativeBinomial

rng = np.random.default_rng(0)
X = np.c_[np.ones(100), rng.normal(size=100)]
y = rng.negative_binomial(2, 2 / (2 + np.exp(1 + X[:, 1] / 2)))
q, e = np.array([0.9, 0.4, 0.5]), np.eye(3) * 1e-5
model = NegativeBinomial(y, X)
print(f"statsmodels {statsmodels.__version__}")
for when in "before", "after":
    right = np.array([(model.score(q + d) - model.score(q - d)) / 2e-5 for d in e])
    print(f"{when} fit: loglike {model.loglike(q):.6f}; last row of the hessian "
          f"{model.hessian(q)[2].round(2)}, differences of score {right[2].round(2)}")
    if when == "before":
        first, same = model.loglike(q), np.allclose(model.hessian(q), right, rtol=1e-3, atol=1e-3)
        model.fit(disp=0)
if np.isclose(first, model.loglike(q)) or same:
    raise SystemExit("the behaviour has changed")
END
