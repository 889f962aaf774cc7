#!/usr/bin/env bash
# transformers' TransfoXL: in the last version that has it, the model raises for every batch.
#
# Guess: a model among the deprecated ones is old, and runs as it did.
# What happens: in 4.57.6 every forward raises a TypeError before it comes to the layers: positions
# are cast by Tensor.type_as with an argument dtype, which that method does not take. (The class
# with the adaptive softmax, in a file of its own, is the same code as in 4.35.2, where the model
# runs; 5.0.0 has neither.)
# transformers 4.57.6 on torch 2.13.0, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    torch==2.13.0 transformers==4.57.6 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import torch
import transformers

print(f"transformers {transformers.__version__}, torch {torch.__version__}")
config = transformers.TransfoXLConfig(
    vocab_size=40, cutoffs=[10, 20], d_model=16, d_embed=16, n_head=2, d_head=8, d_inner=32,
    n_layer=2, div_val=2)
model = transformers.TransfoXLLMHeadModel(config).eval()
try:
    model(torch.arange(12).reshape(2, 6))
except TypeError as error:
    print(f"a batch of 2 by 6 tokens: TypeError: {error}")
else:
    raise SystemExit("the behaviour has changed: the model runs")
END
