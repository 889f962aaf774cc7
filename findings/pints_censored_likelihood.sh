#!/usr/bin/env bash
# PINTS: CensoredGaussianLogLikelihood.evaluateS1 adds up the derivatives by all parameters.
#
# Guess: evaluateS1 answers the likelihood and its gradient.
# What happens: what censored data contribute is summed over the parameters, and each gets the
# sum; by sigma, the data themselves stand where the limit that they passed belongs. Without
# censored data it is right.
# pints 0.6.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile pints==0.6.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import pints
import pints.toy

model, t = pints.toy.LogisticModel(), np.linspace(0.8, 24, 8)
data = np.array([2.2, 2.9, 4.3, 5.5, 6.9, 9.9, 14.1, 17.3])
problem = pints.SingleOutputProblem(model, t, data)
x = np.array([0.12, 44.0, 2.0])
print(f"pints {pints.__version__}")
for lower in -99.0, 3.0:
    f = pints.CensoredGaussianLogLikelihood(problem, lower=lower, upper=99.0)
    h = np.diag([1e-6, 1e-3, 1e-4])
    right = np.array([(f(x + d) - f(x - d)) / (2 * d.sum()) for d in h])
    answered = np.array(f.evaluateS1(x)[1], float)
    print(f"limit {lower}: answered {np.round(answered, 3)}, differences {np.round(right, 3)}")
if np.allclose(answered, right, rtol=1e-3):
    raise SystemExit("the behaviour has changed")
END
