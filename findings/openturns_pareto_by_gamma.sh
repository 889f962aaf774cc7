#!/usr/bin/env bash
# OpenTURNS: Pareto.computeCDFGradient by the location is nan at every point.
#
# Guess: the gradient of a distribution function by its parameters is a number where the function
# is smooth.
# What happens: the third component is nan; that of computePDFGradient is right.
# openturns 1.27.post1, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile openturns==1.27.post1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import math

import openturns as ot

beta, alpha, gamma, x = 1.3, 2.2, -0.2, 2.0
answered = ot.Pareto(beta, alpha, gamma).computeCDFGradient([x])
right = -alpha / (x - gamma) * (beta / (x - gamma)) ** alpha
print(f"OpenTURNS {ot.__version__}")
print(f"by beta, alpha, gamma: {[round(float(v), 6) for v in answered]}; by gamma it is {right:.6f}")
if not math.isnan(answered[2]):
    raise SystemExit("the behaviour has changed")
END
