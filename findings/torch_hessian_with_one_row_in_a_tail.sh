#!/usr/bin/env bash
# PyTorch: second derivatives of nn.AdaptiveLogSoftmaxWithLoss by torch.func raise for some batches.
#
# Guess: torch.func.hessian of a layer works, or raises, whatever the targets.
# What happens: it works unless exactly one row of the batch lies in some tail. The layer squeezes
# the indices of those rows, and one row leaves an index without an axis.
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
layer = torch.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [3, 6]).double()
x = torch.randn(4, 4, dtype=torch.float64)
found = {}
for targets in [0, 1, 2, 0], [0, 3, 4, 5], [0, 1, 3, 4], [0, 1, 2, 8]:
    def loss(x):
        return layer(x, torch.tensor(targets)).loss
    try:
        found[str(targets)] = str(tuple(torch.func.hessian(loss)(x).shape))
    except Exception as error:
        found[str(targets)] = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
    print(f"targets {targets}: {found[str(targets)]}")
raised = ["Error" in text for text in found.values()]
if raised != [False, False, False, True]:
    raise SystemExit("the behaviour has changed")
END
