#!/usr/bin/env bash
# PyTorch: linear_cross_entropy of padding alone has gradients of nan in chunks, of 0 otherwise.
#
# Guess: the two paths of one function differ in memory, not in numbers. The mean over no rows is
# nan on both; its gradient is 0 on the plain path, as it is for cross_entropy, so that a batch of
# padding does no harm behind nan-guards on the loss.
# What happens: with options=LinearCrossEntropyOptions() the loss is nan as well, and so is every
# gradient: of the input, of the weight and of the bias.
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
from torch.nn.functional import linear_cross_entropy

print(f"torch {torch.__version__}")
torch.manual_seed(0)
x, weight, bias = torch.randn(4, 3), torch.randn(5, 3), torch.randn(5)
padding = torch.full((4,), -100)
found = {}
for path, options in ("plain", None), ("chunked", torch.nn.LinearCrossEntropyOptions()):
    leaves = [a.clone().requires_grad_() for a in (x, weight, bias)]
    loss = linear_cross_entropy(leaves[0], leaves[1], padding, linear_bias=leaves[2],
                                options=options)
    loss.backward()
    found[path] = ["nan" if a.grad.isnan().all() else float(a.grad.abs().max()) for a in leaves]
    print(f"{path}: loss {loss.item()}, gradients of input, weight, bias: {found[path]}")
if found != {"plain": [0.0] * 3, "chunked": ["nan"] * 3}:
    raise SystemExit("the behaviour has changed: the two paths agree, or differ otherwise")
END
