#!/usr/bin/env bash
# ASE: the forces of ExpCellFilter are not the derivatives of the energy that it lets be minimised.
#
# Guess: the forces of a cell filter are minus the gradient of the energy by its positions.
# What happens: those of ExpCellFilter on the cell are other numbers away from the start; it is
# deprecated, and FrechetCellFilter, which took its place, is right.
# ase 3.29.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile ase==3.29.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import ase
import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import ExpCellFilter, FrechetCellFilter

print(f"ASE {ase.__version__}")
for kind in FrechetCellFilter, ExpCellFilter:
    atoms = bulk("Cu", cubic=True)
    atoms.calc = EMT()
    cell = kind(atoms)
    x = cell.get_positions()
    x[-3:] += len(atoms) * np.array([[0.10, 0.20, -0.05], [0.0, -0.08, 0.15], [0.1, 0.0, 0.12]])

    def energy(x):
        cell.set_positions(x)
        return atoms.get_potential_energy()
    energy(x)
    answered, right = cell.get_forces()[-3:], np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            step = np.zeros_like(x)
            step[-3 + i, j] = 1e-4
            right[i, j] = -(energy(x + step) - energy(x - step)) / 2e-4
    print(f"{kind.__name__}: forces on the cell {answered[0].round(4)}, differences "
          f"{right[0].round(4)}, farthest {np.abs(answered - right).max():.4f}")
if np.allclose(answered, right, atol=1e-3):
    raise SystemExit("the behaviour has changed")
END
