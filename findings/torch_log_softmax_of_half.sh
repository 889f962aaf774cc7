#!/usr/bin/env bash
# PyTorch: on a CPU, log_softmax of 65,520 equal logits in half precision is -inf; softmax is right.
#
# Guess: log_softmax is the logarithm of softmax, in every dtype and along every dimension.
# What happens: along the last dimension the sum of exponentials is rounded to half precision, whose
# largest number is 65504, before its logarithm is taken; in softmax, and in log_softmax along another
# dimension, it is not. So the loss of a vocabulary of 100,000 words is inf at the start of training,
# and that of an adaptive layer whose head has so many.
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

print(f"torch {torch.__version__}")
found = {}
for n in (65_519, 65_520, 100_000):
    z = torch.zeros(1, n, dtype=torch.half)
    found[n] = torch.log_softmax(z, 1)[0, 0].item()
    print(f"{n:7,} classes: log_softmax {found[n]:.4g}, of columns {torch.log_softmax(z.T, 0)[0, 0]:.4g},"
          f" log of softmax {torch.softmax(z, 1)[0, 0].double().log():.4g}, cross_entropy "
          f"{torch.nn.functional.cross_entropy(z, torch.tensor([0])):.4g}")
layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 200_000, [100_000]).half()
loss = layer(torch.zeros(1, 8, dtype=torch.half), torch.tensor([3])).loss
print(f"AdaptiveLogSoftmaxWithLoss with 100,000 words in the head: loss {loss:.4g}")
if found[100_000] != -float("inf"):
    raise SystemExit("the behaviour has changed")
END
