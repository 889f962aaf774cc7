#!/usr/bin/env bash
# Paddle: no optimizer trains the tails of AdaptiveLogSoftmaxWithLoss, and no state_dict saves them.
#
# Guess: parameters() and state_dict() of a layer have all its weights.
# What happens: the tails are kept in a plain list, so both have the head alone. After a step of SGD
# the head has moved, and the tails, whose gradient is not 0, have not. The loss falls all the same.
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
paddle.seed(0)
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
print(f"state_dict: {list(layer.state_dict())}; parameters: {len(layer.parameters())} of 5")
head, tail = layer.head_weight.numpy(), layer.tail_weights[0][0].numpy()
optimizer = paddle.optimizer.SGD(1.0, layer.parameters())
_, loss = layer(paddle.randn([6, 8]), paddle.to_tensor([3, 4, 5, 6, 7, 11]))
loss.backward()
norm = float(paddle.linalg.norm(layer.tail_weights[0][0].grad))
optimizer.step()
moved = [np.abs(layer.head_weight.numpy() - head).max(),
         np.abs(layer.tail_weights[0][0].numpy() - tail).max()]
print(f"after a step the head moved by {moved[0]:.3g}, the tail by {moved[1]}, gradient {norm:.3g}")
if moved[1] != 0 or norm == 0 or len(layer.parameters()) != 1:
    raise SystemExit("the behaviour has changed: the tails are trained")
END
