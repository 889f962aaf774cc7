#!/usr/bin/env bash
# safetensors: a transposed array saved with safetensors.numpy comes back with its numbers mixed up.
#
# Guess: saving x.T and loading it gives x.T, or saving refuses an array that is not contiguous, as
# safetensors.torch does.
# What happens: the bytes are written as they lie in memory, with the shape of the view: numbers are
# in other places, without an error. x[::2] comes back as the first half of x.
# safetensors 0.8.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile safetensors==0.8.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import safetensors
from safetensors.numpy import load, save

print(f"safetensors {safetensors.__version__}, NumPy {np.__version__}")
x = np.arange(6, dtype=np.float32)
wrong = 0
for name, view in {"x": x, "x.reshape(2, 3).T": x.reshape(2, 3).T, "x[::2]": x[::2]}.items():
    found = load(save({"w": view}))["w"]
    wrong += not np.array_equal(found, view)
    print(f"{name}: saved {view.tolist()}, loaded {found.tolist()}")
if wrong != 2:
    raise SystemExit("the behaviour has changed")
END
