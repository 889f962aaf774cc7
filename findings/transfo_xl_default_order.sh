#!/usr/bin/env bash
# transformers' TransfoXL: losses come in another order than the labels, grouped by cluster.
#
# Guess: entry n of the losses belongs to label n.
# What happens: they come cluster by cluster, unless keep_order=True, which is not the default. Sums
# and means do not show it; weights or masks that are applied to them go to other tokens.
# transformers 4.35.2 (the class left the package in 4.36's deprecated folder) on torch 2.13.0,
# Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    torch==2.13.0 transformers==4.35.2 numpy==1.26.4 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import torch
import transformers
from transformers.models.transfo_xl.modeling_transfo_xl_utilities import ProjectedAdaptiveLogSoftmax

print(f"transformers {transformers.__version__}, torch {torch.__version__}")
torch.manual_seed(0)
layer = ProjectedAdaptiveLogSoftmax(12, 8, 8, [3, 7], 2)
for parameter in layer.parameters():
    torch.nn.init.normal_(parameter)
x, y = torch.randn(5, 8), torch.tensor([0, 11, 4, 1, 8])       # the first label is shifted away
with torch.no_grad():
    found, right = layer(x, y), layer(x, y, keep_order=True)
print(f"default order    {found.numpy().round(3).tolist()}")
print(f"keep_order=True  {right.numpy().round(3).tolist()}")
if torch.equal(found, right):
    raise SystemExit("the behaviour has changed: the default order is that of the labels")
END
