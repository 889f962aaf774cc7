#!/usr/bin/env bash
# PyTorch: predict of a 3-D batch answers wrong classes, without an error.
#
# Guess: AdaptiveLogSoftmaxWithLoss.predict takes (B, T, D) as nn.Linear does, or refuses it.
# What happens: where T happens to be the number of columns of the head, it takes the argmax over
# the axis of T and answers an array of the right shape with other classes than the rows have on
# their own. For other T it raises an IndexError.
# torch 2.13.0 on a CPU, Python 3.11. Seen 2026-11-28.
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
torch.manual_seed(0)
layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])     # 5 classes and 2 tails in the head
x = torch.randn(2, 7, 8)
with torch.no_grad():
    found = layer.predict(x)
    right = layer.predict(x.reshape(-1, 8)).reshape(2, 7)
print(f"input {tuple(x.shape)}: predict {found.tolist()}")
print(f"rows on their own:   {right.tolist()}")
if torch.equal(found, right):
    raise SystemExit("the behaviour has changed: a 3-D batch is predicted as its rows are")
END
