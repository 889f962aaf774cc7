#!/usr/bin/env bash
# umap-learn: three of the gradients that an output_metric descends by are those of another function.
#
# Guess: named_distances_with_gradients answers a distance of x and y, and its gradient by x.
# What happens: symmetric_kl answers the gradient by y; braycurtis forgets the sign of x + y;
# gaussian_energy forgets the logarithm of the determinant.
# umap-learn 0.5.12, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile umap-learn==0.5.12 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import umap
from umap.distances import named_distances_with_gradients as metrics

print(f"umap-learn {umap.__version__}")
points = {"symmetric_kl": ([.2, .3, .5], [.5, .1, .4]), "braycurtis": ([.3, -1.2, .5], [-.9, .4, .2]),
          "gaussian_energy": ([.5, .8, .9, 1.3, .4], [.2, .1, .7, .6, .9])}
for name, (x, y) in points.items():
    f = lambda x: metrics[name](np.array(x), np.array(y))
    steps = np.eye(len(x)) * 1e-5
    right = np.array([(f(x + h)[0] - f(x - h)[0]) / 2e-5 for h in steps])
    answered = f(x)[1]
    print(f"{name}: answered {np.round(answered, 4)}, differences {np.round(right, 4)}")
    if np.allclose(answered, right, rtol=1e-3, atol=1e-3):
        raise SystemExit("the behaviour has changed")
END
