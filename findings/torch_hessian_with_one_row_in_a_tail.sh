#!/usr/bin/env bash
# PyTorch: torch.func's Jacobians and Hessians of nn.AdaptiveLogSoftmaxWithLoss may raise.
#
# Guess: torch.func.hessian, jacrev and jacfwd of a layer work, or raise, whatever the targets.
# What happens: all three work unless exactly one row of the batch lies in some tail. The layer
# squeezes the indices of those rows, and one row leaves an index without an axis. torch.func.grad
# and torch.autograd.functional.hessian work for every batch.
# torch 2.13.0 on a CPU, Python 3.11. Seen 2026-11-29.
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
layer = torch.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [3, 6]).double()
x = torch.randn(4, 4, dtype=torch.float64)
ways = {"grad": torch.func.grad, "jacrev": torch.func.jacrev, "jacfwd": torch.func.jacfwd,
        "hessian": torch.func.hessian,
        "autograd": lambda f: lambda x: torch.autograd.functional.hessian(f, x)}
raised = {way: [] for way in ways}
for targets in [0, 1, 2, 0], [0, 3, 4, 5], [0, 1, 3, 4], [0, 1, 2, 8]:
    def loss(x):
        return layer(x, torch.tensor(targets)).loss
    for way, of in ways.items():
        try:
            found = str(tuple(of(loss)(x).shape))
        except Exception as error:
            found = f"{type(error).__name__}: {' '.join(str(error).split())[:60]}"
        raised[way].append("Error" in found)
        print(f"targets {targets}, {way}: {found}")
if raised != {way: [False, False, False, way in ("jacrev", "jacfwd", "hessian")] for way in ways}:
    raise SystemExit("the behaviour has changed")
END
