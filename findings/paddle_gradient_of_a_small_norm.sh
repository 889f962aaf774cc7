#!/usr/bin/env bash
# Paddle: the gradient of norm(x, 3) is a tenth of the right one where x is of the order of 1e-7.
#
# Guess: a norm's gradient does not change when x is scaled.
# What happens: as if 1e-12 were added to the square of the norm that it is divided by, in float64
# too. The norm itself is right.
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
v = np.array([[1.0, 2.0, 3.0]])
for scale in (1, 1e-3, 1e-5, 1e-6, 1e-7):
    x = paddle.to_tensor(scale * v, stop_gradient=False)
    paddle.norm(x, 3.0, 1).sum().backward()
    found = x.grad.numpy()[0]
    right = v[0] ** 2 / (v**3).sum() ** (2 / 3)
    print(f"x = {scale:g} (1, 2, 3): {found}, right is {right}")
if np.allclose(found, right, rtol=1e-6):
    raise SystemExit("the behaviour has changed")
END
