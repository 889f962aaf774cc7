#!/usr/bin/env bash
# Chainer: hinge divides the gradient of whatever is added to it by the number of rows.
#
# Guess: the gradient of F.hinge(x, t) + F.sum(w ** 2) by w is 2 w.
# What happens: backward of hinge divides the gradient that it is handed in place, and the other
# summand sees the same array.
# chainer 7.8.1, NumPy 1.23.5, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile chainer==7.8.1 numpy==1.23.5 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import chainer
import chainer.functions as F
import numpy as np

print(f"Chainer {chainer.__version__}")
x, t = np.array([[0.3, -0.2, 0.5]] * 4), np.array([0, 1, 2, 0])
for name, loss in (("softmax_cross_entropy", F.softmax_cross_entropy), ("hinge", F.hinge)):
    w = chainer.Variable(np.array([1.0, 2.0]))
    (loss(chainer.Variable(x), t) + F.sum(w ** 2)).backward()
    print(f"{name} + sum(w ** 2): the gradient by w = [1, 2] is {w.grad}")
if np.allclose(w.grad, [2, 4]):
    raise SystemExit("the behaviour has changed")
END
