#!/usr/bin/env bash
# PyTorch: under autocast, nn.AdaptiveLogSoftmaxWithLoss fails once a target lies in a tail.
#
# Guess: a module of torch.nn runs under torch.autocast, or fails for every batch.
# What happens: whether it fails is up to the targets of the batch. With all of them in the
# short-list it passes; with one in a tail, index_copy_ is given two number types and raises.
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
layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
x = torch.randn(3, 8)
with torch.autocast("cpu", torch.bfloat16):
    layer(x, torch.tensor([0, 1, 4]))
    try:
        layer(x, torch.tensor([0, 1, 5]))
    except RuntimeError as error:
        print(f"targets 0, 1, 4 pass; 0, 1, 5 raise: {str(error)[:90]}")
    else:
        raise SystemExit("the behaviour has changed: a target in a tail passes under autocast")
END
