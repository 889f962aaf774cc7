#!/usr/bin/env bash
# Paddle: AdaptiveLogSoftmaxWithLoss.predict answers floats, and of a 3-D batch another shape.
#
# Guess: classes come as integers, one a row, whatever the axes of the batch; or a 3-D batch raises.
# What happens: they are float32, in which classes above 2**24 run together (unless every row leaves
# the short-list: then int64). A batch of (2, 3, 8) gives an array of (2, 5), without an error:
# 3 + 2 is the width of the head.
# paddlepaddle 3.3.1 on a CPU, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile paddlepaddle==3.3.1 setuptools || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import paddle

print(f"paddle {paddle.__version__}")
paddle.seed(0)
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
flat = layer.predict(paddle.randn([20, 8]))
print(f"predict of 20 rows has the dtype {flat.dtype}; in it 2**24 + 1 is "
      f"{int(paddle.to_tensor(2.0**24 + 1))}")
x = paddle.randn([2, 3, 8])
found, right = layer.predict(x), layer.predict(x.reshape([6, 8])).reshape([2, 3])
print(f"input {x.shape}: predict {found.tolist()}")
print(f"rows on their own: {right.tolist()}")
if flat.dtype != paddle.float32 or found.shape != [2, 5]:
    raise SystemExit("the behaviour has changed")
END
