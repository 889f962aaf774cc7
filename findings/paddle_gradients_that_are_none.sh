#!/usr/bin/env bash
# Paddle: diag_embed, lerp by a weight and fill_diagonal_tensor by the diagonal have no gradient.
#
# Guess: what enters a sum with stop_gradient=False has a gradient after backward, or an error says
# that there is none.
# What happens: grad stays None, without a word; behind diag_embed nothing at all is recorded.
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
a, b = (paddle.to_tensor(np.array(v)) for v in ([1.0, 2, 3], [4.0, 6, 8]))
found = {}
for name, f, start in (("diag_embed, by its input", paddle.diag_embed, [1.0, 2, 3]),
                       ("diag, by its input", paddle.diag, [1.0, 2, 3]),
                       ("lerp, by the weight", lambda w: paddle.lerp(a, b, w), [0.1, 0.2, 0.3]),
                       ("a + w (b - a), by the weight", lambda w: a + w * (b - a), [0.1, 0.2, 0.3]),
                       ("fill_diagonal_tensor, by the diagonal", paddle.zeros([3, 3], "float64")
                        .fill_diagonal_tensor, [1.0, 2, 3])):
    x = paddle.to_tensor(np.array(start), stop_gradient=False)
    value = (f(x) ** 2).sum()
    if not value.stop_gradient:
        value.backward()
    found[name] = None if x.grad is None else x.grad.tolist()
    print(f"sum of squares of {name}: {found[name]}")
if None not in found.values():
    raise SystemExit("the behaviour has changed")
END
