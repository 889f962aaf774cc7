#!/usr/bin/env bash
# GPy: the gradient of GPVariationalGaussianApproximation by its kernel is another one's.
#
# Guess: optimize() steps along the gradient of the objective.
# What happens: of the kernel's parameters, the slopes by the variances multiply rows where
# columns belong. Those by alpha and beta are right.
# GPy 1.15.0, NumPy 2.4.6, SciPy 1.17.1, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile GPy==1.15.0 numpy==2.4.6 scipy==1.17.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import GPy
import numpy as np

print(f"GPy {GPy.__version__}")
x = np.linspace(-2, 2, 6)[:, None]
y = np.array([[1.0], [0.0], [2.0], [4.0], [3.0], [7.0]])
m = GPy.models.GPVariationalGaussianApproximation(x, y, GPy.kern.RBF(1), GPy.likelihoods.Poisson())
m.alpha, m.beta = 0.1 * y, 1 + 0.1 * y[:, 0]
for name, parts in (("variance", m.rbf.variance), ("lengthscale", m.rbf.lengthscale), ("alpha", m.alpha),
                    ("beta", m.beta)):
    answered, at, seen = np.ravel(parts.gradient)[-1], np.array(parts), []
    for step in 1e-5, -1e-5:
        moved = at.copy()
        moved.reshape(-1)[-1] += step
        parts[:] = moved
        seen.append(m.log_likelihood())
    parts[:] = at
    right = float(np.ravel(seen[0] - seen[1])[0]) / 2e-5
    print(f"by {name}: answered {answered:.6f}, differences {right:.6f}")
    if name == "lengthscale" and abs(answered / right - 1) < 1e-3:
        raise SystemExit("the behaviour has changed")
END
