#!/usr/bin/env bash
# astropy: Drude1D's derivative by x_0, and Hermite2D itself, are those of no Drude and no Hermite function.
#
# Guess: fit_deriv is the derivative of evaluate, and Hermite2D the product of Hermite
# polynomials.
# What happens: Drude1D.fit_deriv has x / x_0 where x / x_0**2 belongs. Hermite2D takes its
# polynomials in y from those in x: H2(0.5) is -1, and -7 comes out.
# astropy 8.0.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile astropy==8.0.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import astropy
import numpy as np
from astropy.modeling import models
from numpy.polynomial.hermite import hermval2d

print(f"astropy {astropy.__version__}")
drude, x, h = models.Drude1D(), np.array([2.0]), 1e-6
answered = drude.fit_deriv(x, 1.4, 2.2, 1.7)[1]
right = (drude.evaluate(x, 1.4, 2.2 + h, 1.7) - drude.evaluate(x, 1.4, 2.2 - h, 1.7)) / (2 * h)
print(f"Drude1D by x_0: {answered[0]:.6f}, differences {right[0]:.6f}")
hermite = models.Hermite2D(2, 2, c0_2=1.0)
value, truth = hermite(0.3, 0.5), hermval2d(0.3, 0.5, [[0, 0, 1.0]])
print(f"Hermite2D, 1 times H2(y) at y = 0.5: {value:.6f}, NumPy {truth:.6f}")
if np.allclose(answered, right) or np.isclose(value, truth):
    raise SystemExit("the behaviour has changed")
END
