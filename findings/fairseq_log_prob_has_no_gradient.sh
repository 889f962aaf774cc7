#!/usr/bin/env bash
# fairseq: AdaptiveSoftmax.get_log_prob cannot be differentiated.
#
# Guess: a method that is made of torch's functions has a gradient.
# What happens: it adds into the result of log_softmax in place, which log_softmax needs for its
# own gradient, and backward raises.
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
layer = AdaptiveSoftmax(12, 8, [3, 7], 0.0, factor=2.0)
try:
    layer.get_log_prob(torch.randn(2, 1, 8), None).sum().backward()
except RuntimeError as error:
    print(f"backward: {str(error)[:100]}")
else:
    raise SystemExit("the behaviour has changed: it has a gradient")
END
