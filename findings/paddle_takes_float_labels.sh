#!/usr/bin/env bash
# Paddle: AdaptiveLogSoftmaxWithLoss takes float labels, and its loss is another than for integers.
#
# Guess: labels 0.0, 3.0, 7.0, 11.0 are refused, or mean the classes 0, 3, 7, 11.
# What happens: no error, and a loss that has nothing to do with them.
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
x = paddle.randn([4, 8])
right = float(layer(x, paddle.to_tensor([0, 3, 7, 11]))[1])
found = float(layer(x, paddle.to_tensor([0.0, 3.0, 7.0, 11.0]))[1])
print(f"labels 0, 3, 7, 11: loss {right:.6g}; labels 0.0, 3.0, 7.0, 11.0: loss {found:.6g}")
if found == right:
    raise SystemExit("the behaviour has changed")
END
