#!/usr/bin/env bash
# PyTorch: log_softmax of a million classes is off by 1e-3 along a dimension that is not the last one.
#
# Guess: float32 gives six or seven digits, along whichever dimension.
# What happens: along the last dimension, and in logsumexp along any, the sum of exponentials is
# formed in parts; along another dimension log_softmax and softmax add up one number after the other
# in float32. The error grows with the number of classes: 1e-6 at 10,000, 1e-4 at 250,000, 1e-3 at a
# million; so does that of cross_entropy of a shape (N, C, d). From 2**24 equal classes on the sum
# stands still.
# torch 2.13.0 on a CPU (x86-64), NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    torch==2.13.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import torch

print(f"torch {torch.__version__}, float32; errors against float64")
torch.set_num_threads(1)
for n in (10_000, 250_000, 1_000_000):
    row = 2 * torch.randn(1, n, generator=torch.Generator().manual_seed(0))
    column = row.T.repeat(1, 2)
    right = torch.log_softmax(row.double(), 1)[0, 0]
    errors = [float((found - right).abs()) for found in (
        torch.log_softmax(row, 1)[0, 0], torch.log_softmax(column, 0)[0, 0],
        column[0, 0] - torch.logsumexp(column, 0)[0])]
    print(f"{n:9,} classes: of a row {errors[0]:.1e}, of a column {errors[1]:.1e}, "
          f"of a column by logsumexp {errors[2]:.1e}")
equal = torch.log_softmax(torch.zeros(2**25, 1), 0)[0, 0]
print(f"2**25 equal classes in a column: {equal:.4f}; right is -17.3287")
if errors[1] < 20 * errors[0]:
    raise SystemExit("the behaviour has changed")
END
