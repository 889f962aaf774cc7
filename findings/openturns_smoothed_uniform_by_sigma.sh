#!/usr/bin/env bash
# OpenTURNS: SmoothedUniform.computePDFGradient by sigma is 1.25 times the derivative at some points.
#
# Guess: computePDFGradient is the gradient of computePDF by the parameters, as it is by a and b
# here.
# What happens: near an end of the interval the component of sigma is a quarter too large.
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

a, b, s, x = -1.0, 1.5, 0.3, 1.4
answered = ot.SmoothedUniform(a, b, s).computePDFGradient([x])[2]
pdf = lambda s: ot.SmoothedUniform(a, b, s).computePDF([x])
differences = (pdf(s + 1e-5) - pdf(s - 1e-5)) / 2e-5
phi = lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
u, v = (x - a) / s, (x - b) / s
formula = (v * phi(v) - u * phi(u)) / s / (b - a)
print(f"OpenTURNS {ot.__version__}")
print(f"d pdf / d sigma: answered {answered:.6f}, differences {differences:.6f}, formula {formula:.6f}")
if abs(answered - formula) < 1e-6:
    raise SystemExit("the behaviour has changed")
END
