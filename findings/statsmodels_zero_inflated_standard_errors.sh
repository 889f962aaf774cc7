#!/usr/bin/env bash
# statsmodels: the standard errors of ZeroInflatedPoisson leave out how inflation and counts depend on each other.
#
# Guess: hessian is the matrix of second derivatives of loglike, and bse comes from its inverse.
# What happens: the block between the two sets of parameters is zero, so the errors are too small.
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
import statsmodels.api as sm
from statsmodels.discrete.count_model import ZeroInflatedPoisson

rng = np.random.default_rng(1)
x = rng.normal(size=500)
y = rng.poisson(np.exp(0.3 + 0.5 * x)) * (rng.uniform(size=500) < 0.7)
model = ZeroInflatedPoisson(y, sm.add_constant(x))
fit = model.fit(disp=0, method="bfgs")
p = np.asarray(fit.params)


def loglike(p):
    """The definition: zeros come from either source."""
    w, rate = 1 / (1 + np.exp(-p[0])), np.exp(p[1] + p[2] * x)
    log_factorial = np.array([np.log(np.arange(1, k + 1)).sum() for k in y])
    counts = (1 - w) * np.exp(y * np.log(rate) - rate - log_factorial)
    return np.log(w * (y == 0) + counts).sum()


e = np.eye(3) * 1e-4
hessian = np.array([[(loglike(p + a + b) - loglike(p + a - b) - loglike(p - a + b)
                      + loglike(p - a - b)) / 4e-8 for a in e] for b in e])
right = np.sqrt(np.diag(np.linalg.inv(-hessian)))
print(f"statsmodels {statsmodels.__version__}; log-likelihood {fit.llf:.6f}, by definition "
      f"{loglike(p):.6f}")
print(f"row 0 of the Hessian: {model.hessian(p)[0].round(1)}, by differences {hessian[0].round(1)}")
print(f"standard errors {np.asarray(fit.bse).round(4)}, should be {right.round(4)}")
if np.allclose(fit.bse, right, rtol=1e-2):
    raise SystemExit("the behaviour has changed")
END
