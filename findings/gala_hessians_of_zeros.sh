#!/usr/bin/env bash
# gala: the Hessians of three potentials are zeros, and that of a harmonic oscillator has omega for omega squared.
#
# Guess: Potential.hessian is the matrix of second derivatives, or says that there is none.
# What happens: Burkert, Kuzmin and LeeSutoTriaxialNFW answer zeros without a word;
# HarmonicOscillator the roots of what is right.
# gala 1.11.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile gala==1.11.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import gala
import gala.potential as gp
import numpy as np
from gala.units import dimensionless

print(f"gala {gala.__version__}")
x, h = np.array([0.5, -0.3, 0.8]), 1e-5
for kind, values in ((gp.BurkertPotential, {"rho": 0.3, "r0": 1.2}),
                     (gp.KuzminPotential, {"m": 1.0, "a": 0.7}),
                     (gp.LeeSutoTriaxialNFWPotential,
                      {"v_c": 1.0, "r_s": 0.8, "a": 1.0, "b": 0.9, "c": 0.8}),
                     (gp.HarmonicOscillatorPotential, {"omega": [1.0, 0.8, 1.3]})):
    potential = kind(**values, units=dimensionless)
    slope = lambda x: np.ravel(potential.gradient(x).value)
    right = np.array([(slope(x + d) - slope(x - d)) / (2 * h) for d in np.eye(3) * h])
    answered = np.reshape(potential.hessian(x).value, (3, 3))
    print(f"{kind.__name__}: diagonal {np.diag(answered).round(4)}, "
          f"differences {np.diag(right).round(4)}")
    if np.allclose(answered, right, atol=1e-4):
        raise SystemExit("the behaviour has changed")
END
