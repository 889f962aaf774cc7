#!/usr/bin/env bash
# Keras 3: load_weights on a .weights.h5 gives layer "a" the weights of layer "b", without a word.
#
# Guess: layers that have names get their weights back by name, or load_weights refuses.
# Happens: the file calls layers by their class and the order of a walk through the graph (dense,
#          dense_1), not by their names.  A model with the same two named layers, wired the other
#          way round, takes the weights of the one for the other; shapes agree, so nothing is said.
# Versions: keras 3.15.1, jax 0.10.2, h5py 3.16.0, Python 3.11.  Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile keras==3.15.1 jax==0.10.2 h5py==3.16.0 || exit 2
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'PY'
import sys
import keras
import numpy as np


def model(order):
    layers = {name: keras.layers.Dense(3, use_bias=False, name=name) for name in ("a", "b")}
    x = start = keras.Input((3,))
    for name in order:
        x = layers[name](x)
    return keras.Model(start, x), layers


one, layers = model("ab")
layers["a"].set_weights([np.full((3, 3), 1.0)])
layers["b"].set_weights([np.full((3, 3), 2.0)])
one.save_weights("w.weights.h5")
other, layers = model("ba")
other.load_weights("w.weights.h5")
found = {name: float(layer.get_weights()[0][0, 0]) for name, layer in layers.items()}
print("keras", keras.__version__)
print("saved   a = 1.0, b = 2.0")
print("loaded  " + ", ".join(f"{name} = {value}" for name, value in found.items()))
swapped = found == {"a": 2.0, "b": 1.0}
print("load_weights swapped two layers by name, and said nothing" if swapped else "CHANGED")
sys.exit(0 if swapped else 1)
PY
