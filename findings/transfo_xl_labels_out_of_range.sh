#!/usr/bin/env bash
# transformers' TransfoXL: a label that is no class costs nothing, without an error.
#
# Guess: label 12 of a vocabulary of 12 is refused, as torch's own losses refuse it.
# What happens: its loss is 0, and it counts in the mean: a vocabulary that is one too short lowers
# the perplexity.
# transformers 4.35.2 on torch 2.13.0, Python 3.11. Seen 2026-11-28.
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
with torch.no_grad():
    losses = layer(torch.randn(4, 8), torch.tensor([0, 2, 12, -5]), keep_order=True)
print(f"labels 2, 12, -5 of 12 classes: losses {losses.numpy().round(3).tolist()}")
if losses[1:].any():
    raise SystemExit("the behaviour has changed: it costs something")
END
