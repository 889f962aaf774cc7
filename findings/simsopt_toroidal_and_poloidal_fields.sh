#!/usr/bin/env bash
# simsopt: derivatives of PoloidalField and ToroidalField are transposed, and one has a slip.
#
# Guess: dB_by_dX()[i, j, l] is the derivative of component l of B at point i by coordinate j, as
# it is for coils, and so for A.
# What happens: dB_by_dX of PoloidalField and dA_by_dX of ToroidalField have j and l swapped; the
# first element of d2B_by_dXdX of ToroidalField has 3 x^2 + y^3 for 3 x^2 y - y^3.
# simsopt 1.11.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile simsopt==1.11.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import numpy as np
from simsopt.field import CircularCoil, PoloidalField, ToroidalField

print(f"simsopt {version('simsopt')}")
x = np.array([0.9, 0.3, 0.2])
toroidal, poloidal = ToroidalField(1.1, 0.7), PoloidalField(1.1, 0.7, 1.3)


def at(field, method, x):
    field.set_points(x[None])
    return np.array(getattr(field, method)())[0]


changed = []
for name, field, f, slope, where in (
        ("CircularCoil.dB_by_dX, of x by z", CircularCoil(0.8), "B", "dB_by_dX", (2, 0)),
        ("PoloidalField.dB_by_dX, of x by z", poloidal, "B", "dB_by_dX", (2, 0)),
        ("ToroidalField.dA_by_dX, of x by z", toroidal, "A", "dA_by_dX", (2, 0)),
        ("ToroidalField.d2B_by_dXdX, of x by x, x", toroidal, "dB_by_dX", "d2B_by_dXdX",
         (0, 0, 0))):
    step = 1e-5 * np.eye(3)[where[0]]
    right = ((at(field, f, x + step) - at(field, f, x - step)) / 2e-5)[where[1:]]
    answered = at(field, slope, x)[where]
    print(f"{name}: answered {answered:.6g}, differences {right:.6g}")
    changed.append(np.isclose(answered, right, rtol=1e-3))
if any(changed[1:]):
    raise SystemExit("the behaviour has changed")
END
