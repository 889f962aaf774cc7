#!/usr/bin/env bash
# PyTorch: nn.AdaptiveLogSoftmaxWithLoss cannot be compiled in one graph, nor exported.
#
# Guess: a module of torch.nn goes through torch.compile(fullgraph=True) and torch.export.
# What happens: both raise. forward asks the data which tails have a target, and skips the others:
# a branch on values, which neither can trace.
# torch 2.13.0 on a CPU, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import contextlib
import io

import torch

print(f"torch {torch.__version__}")
layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
batch = torch.randn(3, 8), torch.tensor([0, 5, 19])
ways = {
    "torch.compile(fullgraph=True)":
        lambda: torch.compile(layer, backend="eager", fullgraph=True)(*batch),
    "torch.export": lambda: torch.export.export(layer, batch),
}
for name, way in ways.items():
    try:
        with contextlib.redirect_stderr(io.StringIO()):     # of a long account of the failure
            way()
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:90]}")
    else:
        raise SystemExit(f"the behaviour has changed: {name} succeeds")
END
