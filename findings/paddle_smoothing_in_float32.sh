#!/usr/bin/env bash
# Paddle: cross_entropy of float64 with label_smoothing has the digits of float32.
#
# Guess: scores in float64 give a loss of float64, smoothed or not, and labels of padding cost
# nothing, smoothed or not.
# What happens: the smoothed labels are made in float32 and turned into float64 afterwards, so that
# the loss, of dtype float64, is off by 1e-8; and one label of padding, -100, is an error that says
# that an index should be at least 0.
# paddlepaddle 3.3.1 on a CPU, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    paddlepaddle==3.3.1 numpy==2.4.6 setuptools || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import math

import paddle
from paddle.nn.functional import cross_entropy

print(f"paddlepaddle {paddle.__version__}")
scores, smoothing = [5.0, 2.0, -4.0], 0.1
total = math.log(sum(map(math.exp, scores)))
due = sum((total - z) * (smoothing / 3 + (1 - smoothing) * (k == 1)) for k, z in enumerate(scores))
rows = paddle.to_tensor([scores], dtype="float64")
loss = cross_entropy(rows, paddle.to_tensor([1]), label_smoothing=smoothing)
print(f"loss {float(loss):.15f}, {loss.dtype}; by Python {due:.15f}, {due - float(loss):.1e} more")
try:
    padding = cross_entropy(rows, paddle.to_tensor([-100]), label_smoothing=smoothing)
    print(f"a label of padding costs {float(padding)}")
    refused = False
except ValueError as error:
    print("a label of padding:", str(error).strip().splitlines()[-1][:90])
    refused = True
if abs(due - float(loss)) < 1e-12 or not refused:
    raise SystemExit("the behaviour has changed")
END
