#!/usr/bin/env bash
# scikit-learn: exact t-SNE in three dimensions descends by a wrong gradient.
#
# Guess: TSNE(n_components=3, method='exact') descends by the gradient of the divergence that it
# reports.
# What happens: with n_components > 2 the kernel has more than one degree of freedom, and the
# gradient takes its power for 1 / (1 + d / dof). In two dimensions it is right.
# scikit-learn 1.9.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile scikit-learn==1.9.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import sklearn
from sklearn.manifold._t_sne import _kl_divergence

rng = np.random.default_rng(0)
P = rng.uniform(size=10)
P /= 2 * P.sum()
print(f"scikit-learn {sklearn.__version__}")
for dims in 2, 3:
    f = lambda e: _kl_divergence(e.copy(), P, max(dims - 1, 1), 5, dims)
    e = rng.normal(size=5 * dims)
    right = np.array([(f(e + h)[0] - f(e - h)[0]) / 2e-5 for h in np.eye(len(e)) * 1e-5])
    answered = f(e)[1]
    print(f"{dims} dimensions: gradient {answered[:4].round(4)}, differences {right[:4].round(4)}")
if np.allclose(answered, right, atol=1e-4):
    raise SystemExit("the behaviour has changed")
END
