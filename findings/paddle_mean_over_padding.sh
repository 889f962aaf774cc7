#!/usr/bin/env bash
# Paddle: cross_entropy divides by the padding too if the padding is -100, as it is by default.
#
# Guess: the mean leaves out rows of ignore_index, whatever number marks them; or, as the page says
# that a negative number means that no label is ignored, a label of -100 is an error.
# What happens: with ignore_index=0 it is the mean of the rows that count; with -100, the default,
# the same rows cost the same, and the sum is divided by all rows:
# with half of a batch padding, loss and gradients are half as large, and they change with padding.
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
import paddle
from paddle.nn.functional import cross_entropy

print(f"paddlepaddle {paddle.__version__}")
scores = paddle.to_tensor([[3.0, 2.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 3.0], [1.0, 0.0, 2.0]])
means = {}
for padding in 0, -100:
    labels = paddle.to_tensor([1, padding, 2, padding])
    costs = cross_entropy(scores, labels, ignore_index=padding, reduction="none")
    means[padding] = float(cross_entropy(scores, labels, ignore_index=padding))
    print(f"padding {padding:4}: rows cost {[round(c, 4) for c in costs.flatten().tolist()]}, "
          f"their mean is {means[padding]:.4f}")
if abs(means[0] - 2 * means[-100]) > 1e-6:
    raise SystemExit("the behaviour has changed: the number that marks padding does not matter")
END
