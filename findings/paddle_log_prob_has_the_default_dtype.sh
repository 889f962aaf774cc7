#!/usr/bin/env bash
# Paddle: log_prob of a float64 layer is float32 when that is the default at the time of the call.
#
# Guess: weights and input of float64 give log-probabilities of float64.
# What happens: AdaptiveLogSoftmaxWithLoss.log_prob writes into an array of the default dtype.
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
paddle.set_default_dtype("float64")
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
x = paddle.randn([4, 8], dtype="float64")
paddle.set_default_dtype("float32")
found = layer.log_prob(x)
print(f"weights {layer.head_weight.dtype}, input {x.dtype}, log_prob {found.dtype}")
if found.dtype != paddle.float32:
    raise SystemExit("the behaviour has changed")
END
