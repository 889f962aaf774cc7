#!/usr/bin/env bash
# DyNet: ClassFactoredSoftmaxBuilder's full distribution is not the one that its loss is taken from.
#
# Guess: full_log_distribution(x)[i] is -neg_log_softmax(x, i): the log-probability of word i.
# What happens: they differ by up to 2 here. The full one adds a probability of the
# class to a logarithm, and normalises the result, so that it sums to 1 and looks right.
# dynet38 2.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile dynet38==2.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import tempfile

import dynet as dy
import numpy as np

print(f"dynet {dy.__version__}")
words, classes = "abcdefgh", "00012222"
with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    file.write("".join(f"{c} {w}\n" for c, w in zip(classes, words)))
    file.flush()
    vocabulary = {w: i for i, w in enumerate(words)}
    model = dy.ParameterCollection()
    layer = dy.ClassFactoredSoftmaxBuilder(4, file.name, vocabulary, model)
    dy.renew_cg()
    x = dy.inputVector([1.0, -2.0, 0.5, 3.0])
    full = np.array(layer.full_log_distribution(x).value())
    loss = np.array([layer.neg_log_softmax(x, i).value() for i in range(len(words))])
print(f"minus the loss:    {(-loss).round(3).tolist()}, exp sums to {np.exp(-loss).sum():.6f}")
print(f"full distribution: {full.round(3).tolist()}, exp sums to {np.exp(full).sum():.6f}")
if np.allclose(full, -loss, atol=1e-3):
    raise SystemExit("the behaviour has changed")
END
