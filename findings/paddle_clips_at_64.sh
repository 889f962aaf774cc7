#!/usr/bin/env bash
# Paddle: on a CPU log_softmax is cut off at -64, and so are losses and gradients made of it.
#
# Guess: log_softmax of the scores 0, -100, -inf is 0, -100, -inf.
# What happens: it is 0, -64, -64, and the gradient of what cannot be is exp(-64) = 1.6e-28. So an
# example 800 below the best has a loss of 64 in nn.AdaptiveLogSoftmaxWithLoss.
# paddlepaddle 3.3.1 on a CPU, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile paddlepaddle==3.3.1 setuptools || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import paddle

print(f"paddle {paddle.__version__}")
scores = paddle.to_tensor(np.array([[0.0, -100.0, -np.inf]]), stop_gradient=False)
log_p = paddle.nn.functional.log_softmax(scores)
log_p[:, 0].sum().backward()
print(f"log_softmax of 0, -100, -inf: {log_p.numpy().tolist()[0]}")
gradient = scores.grad.numpy().tolist()[0]
print(f"gradient of the first: {gradient}; it is 0, {-np.exp(-100.0):.3g}, 0")
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(1, 4, [2], div_value=1.0)
layer.head_weight.set_value(np.array([[400.0, -400.0, 0.0]], "float32"))
loss = float(layer(paddle.to_tensor([[1.0]]), paddle.to_tensor([1]))[1])
print(f"loss of a target 800 below the best: {loss}")
if log_p.numpy().tolist() != [[0.0, -64.0, -64.0]] or loss != 64:
    raise SystemExit("the behaviour has changed: it is no longer cut off at -64")
END
