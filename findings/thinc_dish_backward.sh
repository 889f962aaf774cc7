#!/usr/bin/env bash
# thinc: the backward pass of Dish takes the input for the pre-activation.
#
# Guess: a layer's backward answers the derivatives of its forward, as that of Mish does.
# What happens: Dish hands X, where X W + b belongs, to the derivative of its activation.
# thinc 9.1.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile thinc==9.1.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import thinc
import thinc.api as T

print(f"thinc {thinc.__version__}")
rng = np.random.default_rng(0)
X, c = rng.normal(size=(5, 4)).astype("f"), rng.normal(size=(5, 4)).astype("f")
for kind in T.Mish, T.Dish:
    layer = kind(4)
    layer.initialize(X=X, Y=X)

    def loss(b, layer=layer):
        layer.set_param("b", b.astype("f"))
        return float((layer(X, is_train=True)[0] * c).sum(dtype=float))
    b = np.ones(4)
    right = [(loss(b + e) - loss(b - e)) / 2e-2 for e in np.eye(4) * 1e-2]
    loss(b)
    layer.set_grad("b", np.zeros(4, "f"))
    layer(X, is_train=True)[1](c)
    answered = layer.get_grad("b")
    print(f"{kind.__name__}, by b: {np.round(answered, 2)}, differences {np.round(right, 2)}")
if np.allclose(answered, right, atol=0.02):
    raise SystemExit("the behaviour has changed")
END
