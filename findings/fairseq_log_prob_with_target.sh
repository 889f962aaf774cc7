#!/usr/bin/env bash
# fairseq: AdaptiveSoftmax.get_log_prob(input, target) is no distribution.
#
# Guess: the log-probabilities of all words are the same with or without the targets.
# What happens: with targets only the tails that they lie in are filled in; the other words keep 0,
# a probability of 1, and exp sums to 26 for 30 words.
# fairseq 0.12.2 (one file of it; the rest stands in, as its wheel is for Python 3.8) on
# torch 2.13.0, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/pip" install --quiet --no-compile \
    --no-deps --only-binary :all: --python-version 3.8 --platform manylinux1_x86_64 \
    --target "$folder"/venv/lib/python3*/site-packages fairseq==0.12.2 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import importlib.util
import sys
import types

import torch

HOME = importlib.util.find_spec("fairseq").submodule_search_locations[0]
for name, folder in ("fairseq", HOME), ("fairseq.modules", HOME + "/modules"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from fairseq.modules.adaptive_softmax import AdaptiveSoftmax

print(f"fairseq 0.12.2, torch {torch.__version__}")
torch.manual_seed(0)
layer = AdaptiveSoftmax(30, 8, [3, 7], 0.0, factor=2.0)
x, y = torch.randn(4, 1, 8), torch.tensor([[0], [4], [1], [20]])
with torch.no_grad():
    sums = layer.get_log_prob(x, y).exp().sum(-1).flatten().tolist()
    right = layer.get_log_prob(x, None).exp().sum(-1).flatten().tolist()
print(f"with targets exp sums to {', '.join(f'{s:.3g}' for s in sums)}; "
      f"without to {', '.join(f'{s:.3g}' for s in right)}")
if max(sums) < 2:
    raise SystemExit("the behaviour has changed")
END
