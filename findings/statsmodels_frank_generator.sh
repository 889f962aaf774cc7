#!/usr/bin/env bash
# statsmodels: the generator of the Frank copula falls, and its derivative is answered as positive.
#
# Guess: TransfFrank.deriv is the derivative of TransfFrank.evaluate.
# What happens: it has the sign reversed, and deriv2 with it: a convex function with a negative
# second derivative.
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

import statsmodels
from statsmodels.distributions.copula.transforms import TransfFrank

f, theta, t = TransfFrank(), 1.7, 0.4
right = -theta / math.expm1(theta * t)
differences = (f.evaluate(t + 1e-5, theta) - f.evaluate(t - 1e-5, theta)) / 2e-5
print(f"statsmodels {statsmodels.__version__}")
print(f"deriv {f.deriv(t, theta):.6f}, differences {differences:.6f}, formula {right:.6f}; "
      f"deriv2 {f.deriv2(t, theta):.6f}")
if f.deriv(t, theta) < 0:
    raise SystemExit("the behaviour has changed")
END
