#!/usr/bin/env bash
# fairseq: AdaptiveSoftmax takes targets of 3 by 2 for rows of 2 by 3.
#
# Guess: it refuses targets whose axes are not those of the input, the likely slip of batch-first.
# What happens: both are flattened, and each row gets the target of another, without an error.
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


def loss(x, y):
    logits, targets = layer(x, y)
    return sum(torch.nn.functional.cross_entropy(z, t, reduction="sum").item()
               for z, t in zip(logits, targets) if z is not None)


print(f"fairseq 0.12.2, torch {torch.__version__}")
torch.manual_seed(0)
layer = AdaptiveSoftmax(9, 4, [3], 0.0, factor=2.0).double()
x, y = torch.randn(2, 3, 4).double(), torch.tensor([[0, 4], [8, 1], [5, 2]])
found, due = loss(x, y), loss(x.transpose(0, 1).contiguous(), y)
print(f"rows of {tuple(x.shape[:2])}, targets of {tuple(y.shape)}: no error, and a loss of "
      f"{found:.6f}; with the axes of the rows turned it is {due:.6f}")
if abs(found - due) < 0.1:
    raise SystemExit("the behaviour has changed")
END
