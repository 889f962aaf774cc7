#!/usr/bin/env bash
# GSW: enthalpy's second derivative by salinity is 10 % off at 5,000 dbar.
#
# Guess: enthalpy_second_derivatives are the derivatives of enthalpy_first_derivatives.
# What happens: those by temperature are; the one by salinity twice is too small, the more so the
# deeper. Two witnesses agree: differences of the first derivative, and the integral of
# specvol_second_derivatives over pressure.
# gsw 3.6.23, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile gsw==3.6.23 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import gsw
import numpy as np

print(f"gsw {gsw.__version__}")
for SA, CT, p in (35.0, 20.0, 1000.0), (35.0, 10.0, 5000.0):
    answered = gsw.enthalpy_second_derivatives(SA, CT, p)[0]
    by_salinity = lambda s: gsw.enthalpy_first_derivatives(s, CT, p)[0]
    differences = (by_salinity(SA + 1e-3) - by_salinity(SA - 1e-3)) / 2e-3
    x, w = np.polynomial.legendre.leggauss(20)
    integral = sum(w * gsw.specvol_second_derivatives(SA, CT, p * (x + 1) / 2)[0]) * p / 2 * 1e4
    print(f"SA {SA}, CT {CT}, {p:.0f} dbar: answered {answered:.6f}, differences {differences:.6f}, "
          f"integral {integral:.6f}")
if abs(answered / integral - 1) < 1e-6:
    raise SystemExit("the behaviour has changed")
END
