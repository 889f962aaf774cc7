#!/usr/bin/env bash
# Paddle: exp(-1000) is 0 for a single number, and 2.9e-39 in an array of 64.
#
# Guess: 0, as everywhere, however many numbers there are.
# What happens: from eight numbers on a vector routine clamps its argument, and exp of everything
# below -88 is one and the same small number: what cannot be has a probability, and exp(-100) is
# 80,000 times too large. In float64 the floor is 5.6e-309.
# paddlepaddle 3.3.1 on a CPU (x86-64), Python 3.11. Seen 2026-11-28.
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
for kind in "float32", "float64":
    for length in 1, 64:
        x = np.full((2, length), [[-1000.0], [-100.0]], kind)
        found = [paddle.exp(paddle.to_tensor(row)).numpy()[0] for row in x]
        print(f"{kind}, {length:2} numbers: exp(-1000) {found[0]:.4g}, exp(-100) {found[1]:.4g}")
    if found[0] == 0:
        raise SystemExit("the behaviour has changed")
END
