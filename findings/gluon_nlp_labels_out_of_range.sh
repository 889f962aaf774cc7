#!/usr/bin/env bash
# gluon-nlp: a target that is no class is clipped to one, and gets its log-probability.
#
# Guess: target 99 of 12 classes raises.
# What happens: it has the log-probability of class 11, and -5 that of class 0.
# gluon-nlp 1.0 as autogluon-contrib-nlp 0.0.1b20220208 (its layers.py; the rest of the package
# needs much else) on mxnet 1.9.1, NumPy 1.23.5, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile mxnet==1.9.1 numpy==1.23.5 || exit 2
"$folder/venv/bin/pip" install --quiet --no-compile \
    --no-deps autogluon-contrib-nlp==0.0.1b20220208 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import importlib.util
import sys
import types

import mxnet as mx

NAME = "autogluon_contrib_nlp"
HOME = importlib.util.find_spec(NAME).submodule_search_locations
sys.modules[NAME] = types.ModuleType(NAME)
sys.modules[NAME].__path__ = HOME
from autogluon_contrib_nlp.layers import ProjectedAdaptiveLogSoftmaxWithLoss

print(f"autogluon-contrib-nlp 0.0.1b20220208, mxnet {mx.__version__}")
mx.npx.set_np()
layer = ProjectedAdaptiveLogSoftmaxWithLoss(12, 8, 8, [3, 7], 2.0)
layer.initialize(mx.init.Normal(1.0))
found = layer(mx.np.ones((4, 8)), mx.np.array([-5, 0, 11, 99])).asnumpy()
print(f"targets -5, 0, 11, 99 of 12 classes: {found.round(3).tolist()}")
if found[0] != found[1] or found[2] != found[3]:
    raise SystemExit("the behaviour has changed")
END
