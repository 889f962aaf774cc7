#!/usr/bin/env bash
# transformers' TransfoXL: a div_val that is no integer cannot be built.
#
# Guess: div_val 1.5 divides the size of each further cluster by 1.5, as elsewhere.
# What happens: a TypeError of torch.empty: d_embed // 1.5 is 5.0, a float.
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
try:
    ProjectedAdaptiveLogSoftmax(12, 8, 8, [3, 7], 1.5)
except TypeError as error:
    print(f"div_val 1.5: TypeError: {str(error)[:90]}")
else:
    raise SystemExit("the behaviour has changed: it can be built")
END
