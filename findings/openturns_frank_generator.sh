#!/usr/bin/env bash
# OpenTURNS: the derivative of the Frank copula's generator is positive, though the generator falls.
#
# Guess: computeArchimedeanGeneratorDerivative is the derivative of computeArchimedeanGenerator.
# What happens: theta / (1 - exp(-theta t)) is answered for -theta / (exp(theta t) - 1); the
# second derivative is right.
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

theta, t = 2.1, 0.6
copula = ot.FrankCopula(theta)
f = copula.computeArchimedeanGenerator
answered = copula.computeArchimedeanGeneratorDerivative(t)
right = -theta / math.expm1(theta * t)
print(f"OpenTURNS {ot.__version__}")
print(f"generator {f(t):.6f}; derivative {answered:.6f}, differences "
      f"{(f(t + 1e-5) - f(t - 1e-5)) / 2e-5:.6f}, formula {right:.6f}")
if abs(answered - right) < 1e-6:
    raise SystemExit("the behaviour has changed")
END
