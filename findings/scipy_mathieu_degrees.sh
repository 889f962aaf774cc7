#!/usr/bin/env bash
# SciPy: mathieu_cem takes degrees, and answers the derivative per radian.
#
# Guess: the second of the two numbers is the derivative of the first by x.
# What happens: it is 57.2957795 times that.
# scipy 1.17.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile scipy==1.17.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import scipy
from scipy.special import mathieu_cem

x, h = 40.0, 1e-3
answered = mathieu_cem(2, 1.5, x)[1]
right = (mathieu_cem(2, 1.5, x + h)[0] - mathieu_cem(2, 1.5, x - h)[0]) / (2 * h)
print(f"SciPy {scipy.__version__}")
print(f"derivative {answered:.6f}, differences {right:.6f}, their ratio {answered / right:.4f}")
if abs(answered / right - 1) < 1e-3:
    raise SystemExit("the behaviour has changed")
END
