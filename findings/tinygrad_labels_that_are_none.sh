#!/usr/bin/env bash
# tinygrad: a label that is no class costs nothing and counts in the mean, as padding of -1 does.
#
# Guess: -1, the default of ignore_index, marks padding, which the mean leaves out as it does for
# any other ignore_index; a label beyond the classes is an error, or nan.
# What happens: of sparse_categorical_crossentropy the mean leaves padding out for every number but
# the default: with -1 the same rows cost the same, and the sum is divided by all rows. A label
# beyond the classes costs 0, has no gradient, and lowers the mean likewise.
# tinygrad 0.14.0 on its device PYTHON, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile tinygrad==0.14.0 numpy==2.4.6 || exit 2
DEV=PYTHON "$folder/venv/bin/python" -W ignore - <<'END'
import os
from importlib.metadata import version

os.environ.setdefault("DEV", "PYTHON")
from tinygrad import Tensor

print(f"tinygrad {version('tinygrad')}, device {os.environ['DEV']}")
scores = Tensor([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
means = {}
for what, label, options in (("padding of -7", -7, {"ignore_index": -7}),
                             ("padding of -1, the default", -1, {}), ("label 3 of 3", 3, {})):
    def cost(reduction):
        return scores.sparse_categorical_crossentropy(Tensor([label, 0]), reduction=reduction,
                                                      **options)
    means[label] = cost("mean").item()
    print(f"{what}: rows cost {[round(c, 4) + 0.0 for c in cost('none').tolist()]}, "
          f"their mean is {means[label]:.4f}")
if not means[-7] / 2 == means[-1] == means[3]:
    raise SystemExit("the behaviour has changed")
END
