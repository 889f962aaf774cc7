#!/usr/bin/env bash
# transformers' TransfoXL: log_prob, which generation uses, raises as soon as there is a cluster.
#
# Guess: the method for the log-probabilities of all words works in the configuration that the class
# exists for: with cutoffs.
# What happens: it raises, with any cutoffs; without, it is a plain softmax and works.
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
x = torch.randn(5, 8)
print(f"no cutoffs: {tuple(ProjectedAdaptiveLogSoftmax(12, 8, 8, [], 1).log_prob(x).shape)}")
try:
    ProjectedAdaptiveLogSoftmax(12, 8, 8, [3, 7], 2).log_prob(x)
except (RuntimeError, IndexError) as error:
    print(f"cutoffs 3, 7: {type(error).__name__}: {str(error)[:100]}")
else:
    raise SystemExit("the behaviour has changed: log_prob works with clusters")
END
