#!/usr/bin/env bash
# Paddle: the gradient of overlapping windows (unfold, as_strided) counts a number once.
#
# Guess: a number that lies in two windows gets the gradient of both, as with slices and stack.
# What happens: of the windows' gradients one is kept.
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
weights = paddle.to_tensor(np.array([[1.0, 2], [3, 4], [5, 6]]))
found = {}
for name, windows in (("unfold", lambda x: paddle.unfold(x, 0, 2, 1)),
                      ("as_strided", lambda x: paddle.as_strided(x, [3, 2], [1, 1])),
                      ("slices", lambda x: paddle.stack([x[k:k + 2] for k in range(3)]))):
    x = paddle.to_tensor(np.zeros(4), stop_gradient=False)
    (windows(x) * weights).sum().backward()
    found[name] = x.grad.tolist()
    print(f"three windows of two by {name}: gradient {found[name]}")
if found["unfold"] == found["slices"] == found["as_strided"]:
    raise SystemExit("the behaviour has changed")
END
