#!/usr/bin/env bash
# GPy: the gradient of LogisticBasisFuncKernel by its slope is wrong for two sets of inputs.
#
# Guess: update_gradients_full(w, X, X2) gives the gradient of sum(w * K(X, X2)), and
# update_gradients_diag(w, X) that of w @ Kdiag(X).
# What happens: the second half takes the axes of w the other way round, and no variance; for the
# diagonal the slope is not looked at, and the gradient is that of the call before. With one set
# of inputs it is right.
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
k = GPy.kern.LogisticBasisFuncKernel(1, [0.4], 1.3, 2.1)
X, Z = np.array([[0.1], [0.7], [1.5]]), np.array([[0.3], [1.1], [0.9]])
w, v = np.array([[1.0, 2.0, 0.0], [0.5, 1.0, 3.0], [0.0, 1.0, 1.0]]), np.array([1.0, 2.0, 0.5])
for name, value, update in (
        ("K(X)", lambda: np.sum((w + w.T) * k.K(X)), lambda: k.update_gradients_full(w + w.T, X)),
        ("K(X, Z)", lambda: np.sum(w * k.K(X, Z)), lambda: k.update_gradients_full(w, X, Z)),
        ("Kdiag(X)", lambda: v @ k.Kdiag(X), lambda: k.update_gradients_diag(v, X))):
    update()
    answered, seen = float(k.slope.gradient[0]), []
    for slope in 2.1 + 1e-5, 2.1 - 1e-5:
        k.slope[:] = slope
        seen.append(float(value()))
    k.slope[:] = 2.1
    right = (seen[0] - seen[1]) / 2e-5
    print(f"{name} by slope: answered {answered:.6f}, differences {right:.6f}")
    if name != "K(X)" and abs(answered / right - 1) < 1e-3:
        raise SystemExit("the behaviour has changed")
END
