#!/usr/bin/env bash
# Paddle: gaussian_nll_loss has no gradient by the variance, so that a model does not learn it.
#
# Guess: the mean over 1 / (2 var) - (target - input)^2 / (2 var^2), which is why there is such a
# loss.
# What happens: the variance is clipped where no gradient is recorded; its grad stays None, without a
# word, and that of a layer that predicts it, too.
# paddlepaddle 3.3.1 on a CPU, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    paddlepaddle==3.3.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import paddle

print(f"paddle {paddle.__version__}")
x, target, var = (np.array(a) for a in ([0.5, -1.0], [1.5, 0.0], [0.3, 2.0]))
tensors = [paddle.to_tensor(a, stop_gradient=False) for a in (x, var)]
loss = paddle.nn.functional.gaussian_nll_loss(tensors[0], paddle.to_tensor(target), tensors[1])
loss.backward()
right = (1 / var - (target - x) ** 2 / var**2) / 2 / 2
print(f"loss {float(loss):.6f}, gradient by the input {tensors[0].grad.numpy()}")
found = tensors[1].grad
print(f"by the variance {None if found is None else found.numpy()}, right is {right}")
if found is not None:
    raise SystemExit("the behaviour has changed")
END
