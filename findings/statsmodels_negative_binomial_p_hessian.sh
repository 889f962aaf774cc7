#!/usr/bin/env bash
# statsmodels: NegativeBinomialP with p = 1.5 has a wrong Hessian, and wrong standard errors.
#
# Guess: hessian is the matrix of second derivatives of loglike for every p that the model takes.
# What happens: the column of alpha holds for p = 1 and p = 2 alone.
# statsmodels 0.15.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile statsmodels==0.15.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import math

import numpy as np
import statsmodels
from statsmodels.discrete.discrete_model import NegativeBinomialP

rng = np.random.default_rng(0)
X = np.c_[np.ones(200), rng.normal(size=200)]
y = rng.negative_binomial(2, 2 / (2 + np.exp(1 + X[:, 1] / 2)))
print(f"statsmodels {statsmodels.__version__}")


def loglike(q, p):
    """The definition: size = mu^(2 - p) / alpha."""
    mu = np.exp(X @ q[:2])
    size, total = mu ** (2 - p) / q[2], 0.0
    for k, m, s in zip(y.tolist(), mu.tolist(), size.tolist()):
        total += math.lgamma(k + s) - math.lgamma(k + 1) - math.lgamma(s) \
            + s * math.log(s / (s + m)) + k * math.log(m / (s + m))
    return total


e = np.eye(3) * 1e-3
for p in 2, 1.5:
    model = NegativeBinomialP(y, X, p=p)
    fit = model.fit(method="bfgs", maxiter=500, disp=0)
    q = np.asarray(fit.params)
    right = np.array([[(loglike(q + a + b, p) - loglike(q + a - b, p) - loglike(q - a + b, p)
                        + loglike(q - a - b, p)) / 4e-6 for a in e] for b in e])
    print(f"p = {p}: log-likelihood {fit.llf:.6f}, by definition {loglike(q, p):.6f}; last row "
          f"{model.hessian(q)[2].round(2)}, differences {right[2].round(2)}; standard errors "
          f"{np.asarray(fit.bse).round(4)}, "
          f"should be {np.sqrt(np.diag(np.linalg.inv(-right))).round(4)}")
if np.allclose(model.hessian(q), right, rtol=1e-2, atol=1e-2):
    raise SystemExit("the behaviour has changed")
END
