#!/usr/bin/env bash
# MLX: the mean of seventy thousand float16 ones is inf.
#
# Guess: 1, as NumPy and PyTorch have it, which form the sum in float32.
# What happens: the sum is rounded to float16, whose largest number is 65504, before it is divided.
# mlx 0.32.4 with mlx-cpu (Linux, x86-64), NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    mlx==0.32.4 mlx-cpu==0.32.4 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import mlx.core as mx
import numpy as np

print("mlx 0.32.4")
mx.set_default_device(mx.cpu)
found = mx.mean(mx.ones((70_000,), dtype=mx.float16)).item()
print(f"mean of 70,000 ones: MLX {found}, NumPy {float(np.mean(np.ones(70_000, np.float16)))}")
if found == 1:
    raise SystemExit("the behaviour has changed")
END
