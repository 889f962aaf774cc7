#!/usr/bin/env bash
# photutils: CircularGaussianPSF.fit_deriv by fwhm is half of a derivative, sometimes of the other sign.
#
# Guess: the derivative of a round Gaussian by its width is that of an oval one by both widths.
# What happens: only the derivative by the width along x is answered. A fitter that trusts it
# steps wrongly in fwhm.
# photutils 3.0.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile photutils==3.0.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import photutils
from photutils.psf import CircularGaussianPSF

model, at = CircularGaussianPSF(), (71.4, 2.1, 1.9)
x, y, h = 4.0, 2.0, 1e-5
answered = float(np.ravel(model.fit_deriv(x, y, *at, 2.3)[3])[0])
right = float((model.evaluate(x, y, *at, 2.3 + h) - model.evaluate(x, y, *at, 2.3 - h)) / (2 * h))
r2, s, c = (x - 2.1) ** 2 + (y - 1.9) ** 2, 2.3 / np.sqrt(8 * np.log(2)), 1 / np.sqrt(8 * np.log(2))
formula = 71.4 / (2 * np.pi * s * s) * np.exp(-r2 / (2 * s * s)) * (r2 / s ** 2 - 2) / s * c
print(f"photutils {photutils.__version__}")
print(f"by fwhm: fit_deriv {answered:.6f}, differences {right:.6f}, formula {formula:.6f}")
if abs(answered - formula) < 1e-6:
    raise SystemExit("the behaviour has changed")
END
