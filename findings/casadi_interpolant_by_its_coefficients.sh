#!/usr/bin/env bash
# CasADi: the derivative of a parametric interpolant by its coefficients is 0.
#
# Guess: the weights of the interpolation, since coefficients that are an argument are there to be
# fitted; or an error.
# What happens: zeros, for linear and for bspline, by jacobian and by gradient. The derivative by the
# point is right.
# casadi 3.8.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    casadi==3.8.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import casadi as ca

print(f"casadi {ca.__version__}")
for kind, grid in (("linear", [0, 1, 2]), ("bspline", [0, 1, 2, 3, 4])):
    I = ca.interpolant("I", kind, [grid], 1)
    x, c = ca.MX.sym("x"), ca.MX.sym("c", len(grid))
    f = ca.Function("f", [x, c], [I(x, c), ca.densify(ca.jacobian(I(x, c), c))])
    at = [1.0, 5, 7, 1, 2][:len(grid)]
    value, found = f(0.25, at)
    moved, _ = f(0.25, [2.0, *at[1:]])
    print(f"{kind}: by the coefficients {found}; from 1 to 2 the first one moves {value} to {moved}")
if any(found.nonzeros()):
    raise SystemExit("the behaviour has changed")
END
