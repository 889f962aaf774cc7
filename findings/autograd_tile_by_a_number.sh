#!/usr/bin/env bash
# autograd: the gradient of tile(a, 2) of a matrix is another one's.
#
# Guess: the gradient through np.tile(a, 2), which repeats columns, adds up what belongs to the
# repeated columns.
# What happens: repetitions are undone along the first axes, where NumPy counts them from the
# last; the shape happens to fit, and the numbers do not. tile(a, (1, 2)) is right.
# autograd 1.9.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile autograd==1.9.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import autograd.numpy as np
from autograd import grad

print(f"autograd {version('autograd')}")
a, c = np.eye(2), np.arange(8.0).reshape(2, 4)
right = c[:, :2] + c[:, 2:]
for reps in (1, 2), 2:
    f = lambda a: np.sum(c * np.tile(a, reps))
    step = np.array([[0.0, 1e-6], [0.0, 0.0]])
    answered = grad(f)(a)
    print(f"tile(a, {reps}): gradient {answered.tolist()}, by hand {right.tolist()}; element [0, 1] by "
          f"differences {(f(a + step) - f(a - step)) / 2e-6:.4f}")
if np.allclose(answered, right):
    raise SystemExit("the behaviour has changed")
END
