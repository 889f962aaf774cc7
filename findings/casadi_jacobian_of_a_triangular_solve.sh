#!/usr/bin/env bash
# CasADi: the Jacobian of solve(triu(A), b) by b is 0; the product with its transpose is right.
#
# Guess: the inverse of the triangle, as for solve(A, b) with all of A.
# What happens: for MX, the solution by one right-hand side seems to depend on none of its numbers,
# and by two on the last one alone; values, jtimes and gradient are right.
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
import numpy as np

print(f"casadi {ca.__version__}")
A = ca.DM([[4, 1, 2], [3, 5, 1], [2, 1, 6]])
b, weights = ca.MX.sym("b", 3), ca.DM([1, 2, 3])
worst = {}
for name, part in (("triu(A)", ca.triu(A)), ("tril(A)", ca.tril(A)), ("A", A)):
    y = ca.solve(part, b)
    f = ca.Function("f", [b], [ca.jacobian(y, b), ca.jtimes(y, b, ca.MX(weights), True)])
    jacobian, product = (np.array(ca.DM(v)) for v in f([1, 2, 3]))
    right = np.linalg.inv(np.array(ca.densify(part)))
    worst[name] = np.abs(jacobian - right).max()
    print(f"solve({name}, b): the Jacobian is off by {worst[name]:.3f}, jtimes by "
          f"{np.abs(product - right.T @ np.array(weights)).max():.1e}")
if worst["triu(A)"] < 1e-9:
    raise SystemExit("the behaviour has changed")
END
