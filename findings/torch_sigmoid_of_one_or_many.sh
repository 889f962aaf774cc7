#!/usr/bin/env bash
# PyTorch: the sigmoid of a number has other bits alone than among others.
#
# Guess: an elementwise function of x is up to x.
# What happens: long contiguous stretches go through a vector routine, single numbers and strided
# ones through another, and in 2 % of numbers the last bit differs. exp, log, tanh and erf have not
# shown it.
# torch 2.13.0 on a CPU (x86-64), NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import torch

print(f"torch {torch.__version__}")
x = torch.linspace(0.001, 3, 1003, dtype=torch.float64)
full = torch.sigmoid(x)
alone = torch.cat([torch.sigmoid(x[i:i + 1]) for i in range(len(x))])
strided = torch.sigmoid(torch.repeat_interleave(x, 2)[::2])
differ = [int((full != other).sum()) for other in (alone, strided)]
print(f"of 1003 numbers, {differ[0]} have another sigmoid alone and {differ[1]} in a strided array")
if not differ[0]:
    raise SystemExit("the behaviour has changed, or this processor's routine is another")
END
