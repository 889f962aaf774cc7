#!/usr/bin/env bash
# autograd: the gradient of chi2.logpdf is 0 where the degrees of freedom are no integer.
#
# Guess: the gradient of the logarithm of a chi-square density by x is (df / 2 - 1) / x - 1 / 2
# for each df > 0.
# What happens: it is so for df = 3, and 0 for df = 2.5: pdf and logpdf, though the density is
# that of 2.5.
# autograd 1.9.1, SciPy 1.17.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile autograd==1.9.1 scipy==1.17.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

from autograd import grad
from autograd.scipy.stats import chi2

print(f"autograd {version('autograd')}")
x = 0.7
for df in 3.0, 2.5:
    f = lambda x: chi2.logpdf(x, df)
    answered, right = float(grad(f)(x)), (df / 2 - 1) / x - 1 / 2
    print(f"df = {df}: gradient {answered:.6f}, formula {right:.6f}, differences "
          f"{(f(x + 1e-6) - f(x - 1e-6)) / 2e-6:.6f}")
if abs(answered - right) < 1e-6:
    raise SystemExit("the behaviour has changed")
END
