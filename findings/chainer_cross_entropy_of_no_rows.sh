#!/usr/bin/env bash
# Chainer: softmax_cross_entropy of no rows has a loss, and its backward raises.
#
# Guess: a batch without rows, as the last share of a data set that is cut for several processes may
# be, has a gradient without rows, as log_softmax gives it; or forward refuses it.
# What happens: the loss is 0, and backward complains of SoftmaxCrossEntropy itself: it returned
# three gradients where two are due.
# chainer 7.8.1 with NumPy 1.23.5, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    numpy==1.23.5 setuptools==59.8.0 wheel==0.45.1 || exit 2
"$folder/venv/bin/pip" install --quiet --no-compile --no-build-isolation chainer==7.8.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import chainer
import chainer.functions as F
import numpy as np

print(f"chainer {chainer.__version__}, NumPy {np.__version__}")
labels = np.zeros(0, np.int32)
refused = {}
for name, function in (("softmax_cross_entropy", lambda z: F.softmax_cross_entropy(z, labels)),
                       ("sum of log_softmax", lambda z: F.sum(F.log_softmax(z)))):
    scores = chainer.Variable(np.zeros((0, 3), np.float32))
    loss = function(scores)
    try:
        loss.backward()
        found = f"a gradient of shape {scores.grad.shape}"
    except ValueError as error:
        found = f"ValueError: {str(error).splitlines()[0]}"
    refused[name] = "Error" in found
    print(f"{name}, no rows: loss {abs(float(loss.array))}, {found}")
if refused != {"softmax_cross_entropy": True, "sum of log_softmax": False}:
    raise SystemExit("the behaviour has changed")
END
