#!/usr/bin/env bash
# MLX: the probabilities of 50,000 equal logits in float16 are 1/2048 each, and add up to 24.
#
# Guess: 2e-5 each, or, where the sum overflows, 0.
# What happens: the exponentials are added up one after the other in float16, where 2048 + 1 is 2048,
# so the sum stands still there. logsumexp of the same array is right, as is softmax(...,
# precise=True).
# mlx 0.32.4 with mlx-cpu (Linux, x86-64), NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
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
z = mx.zeros(50_000, mx.float16)
found, precise = (np.array(mx.softmax(z, **how), np.float64) for how in ({}, {"precise": True}))
print(f"softmax of 50,000 zeros: 1/{1 / found[0]:.0f} each, {found.sum():.1f} together; "
      f"precise=True {precise.sum():.4f}; exp(-logsumexp) 1/{np.exp(float(mx.logsumexp(z))):.0f}")
if abs(found.sum() - 1) < 0.01:
    raise SystemExit("the behaviour has changed")
END
