#!/usr/bin/env bash
# PyTorch: a confident example has no loss and no gradient from a gap of 37 on (float32: 17).
#
# Guess: the loss log(1 + exp(-gap)) of a target that is ahead by 37 is 8.5e-17, and so is, with
# the sign turned, its gradient; both are ordinary floats, and a library would keep them.
# What happens: both are exactly 0. The target's own log-probability is the score less the maximum
# less log(1 + tiny), and its gradient 1 - p: each loses all its digits. From half of that gap on,
# half of the digits are gone.
# torch 2.13.0 on a CPU, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import math
import torch

print(f"torch {torch.__version__}")
for dtype, gap in (torch.float64, 37.0), (torch.float32, 17.5):
    layer = torch.nn.AdaptiveLogSoftmaxWithLoss(1, 3, [1], div_value=1.0, dtype=dtype)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.head.weight[0] = gap
    loss = layer(torch.ones(1, 1, dtype=dtype), torch.tensor([0])).loss
    loss.backward()
    true = math.log1p(math.exp(-gap))
    gradient = layer.head.weight.grad[0].item()
    print(f"{dtype}, gap {gap}: loss {loss.item()}, gradient at the target {gradient}; "
          f"the loss is {true:.3g}")
    if loss.item() != 0 or gradient != 0:
        raise SystemExit("the behaviour has changed: it keeps a small loss or gradient")
END
