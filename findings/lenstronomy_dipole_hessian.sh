#!/usr/bin/env bash
# lenstronomy: the Hessian of DIPOLE is symmetric, and that of its own deflection is not.
#
# Guess: hessian() answers the derivatives of what derivatives() answers: f_xx, f_xy, f_yx, f_yy.
# What happens: the deflection of DIPOLE points along one axis and depends on both, so that it is
# no gradient; hessian() answers f_xy twice. At phi_dipole = 0, where f_y is 0 everywhere, f_yx is
# not, and a magnification is that of another lens.
# lenstronomy 1.14.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile lenstronomy==1.14.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import numpy as np
from lenstronomy.LensModel.lens_model import LensModel

lens, h = LensModel(["DIPOLE"]), 1e-5
print(f"lenstronomy {version('lenstronomy')}")
for phi in 0.0, 0.7:
    lens_at = [{"com_x": 0.1, "com_y": 0.2, "phi_dipole": phi, "coupling": 0.3}]
    f = lambda x, y: np.array(lens.alpha(x, y, lens_at))
    x, y = 0.9, -0.4
    dx, dy = (f(x + h, y) - f(x - h, y)) / (2 * h), (f(x, y + h) - f(x, y - h)) / (2 * h)
    found = np.array(lens.hessian(x, y, lens_at))
    right = np.array([dx[0], dy[0], dx[1], dy[1]])
    with np.printoptions(precision=4, suppress=True):
        print(f"phi_dipole {phi}: f_xx, f_xy, f_yx, f_yy = {found}, differences {right}")
    once = lambda m: 1 / ((1 - m[0]) * (1 - m[3]) - m[1] * m[2])
    print(f"   magnification {float(lens.magnification(x, y, lens_at)):.4f}, "
          f"of the deflection's differences {float(once(right)):.4f}")
if np.allclose(found, right, atol=1e-6):
    raise SystemExit("the behaviour has changed")
END
