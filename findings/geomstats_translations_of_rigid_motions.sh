#!/usr/bin/env bash
# geomstats: the Jacobian of a translation in SE(2) is always the identity, in SE(3) a wrong one.
#
# Guess: jacobian_translation(p, left) is the derivative, at the identity, of composing with p
# from the left or from the right.
# What happens: in SE(2) it is the identity whatever p is. In SE(3), from the right, the rotation
# of p stands where its translation belongs; from the left it is right.
# geomstats 2.8.0, NumPy 1.26.4, SciPy 1.13.1, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile geomstats==2.8.0 numpy==1.26.4 \
    scipy==1.13.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import numpy as np
from geomstats.geometry.special_euclidean import SpecialEuclidean

print(f"geomstats {version('geomstats')}")
changed = []
for n, p in (3, [0.2, -0.1, 0.3, 1.0, 2.0, -0.5]), (2, [0.3, 1.0, 2.0]):
    group, p = SpecialEuclidean(n, point_type="vector"), np.array(p)
    for left in True, False:
        f = lambda x: np.ravel(group.compose(p, x) if left else group.compose(x, p))
        steps = 1e-6 * np.eye(group.dim)
        right = np.array([(f(group.identity + d) - f(group.identity - d)) / 2e-6 for d in steps]).T
        answered = group.jacobian_translation(p, left)
        i, j = np.unravel_index(np.argmax(np.abs(answered - right)), right.shape)
        print(f"SE({n}) from the {'left' if left else 'right'}: [{i}, {j}] answered "
              f"{answered[i, j]:.5f}, differences {right[i, j]:.5f}")
        changed.append(np.allclose(answered, right, atol=1e-4))
if any(changed[1:]):
    raise SystemExit("the behaviour has changed")
END
