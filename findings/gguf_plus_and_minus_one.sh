#!/usr/bin/env bash
# gguf: in a block of Q4_0 with the weights +1 and -1, one of them comes back as 0.875.
#
# Guess: a quantiser treats x and -x alike.
# What happens: the scale makes -8 of the first weight of largest magnitude, and there is no +8: the
# other sign ends at 7 steps. Which of the two loses an eighth is decided by which comes first.
# gguf 0.19.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile gguf==0.19.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import gguf
import numpy as np

print("gguf 0.19.0")
lost = []
for first in 1.0, -1.0:
    block = np.zeros((1, 32), np.float32)
    block[0, :2] = first, -first
    for kind in gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q8_0:
        found = gguf.quants.dequantize(gguf.quants.quantize(block, kind), kind)[0, :2].tolist()
        print(f"{kind.name}: {first:+}, {-first:+} come back as {found[0]:+.4f}, {found[1]:+.4f}")
        lost += [abs(found[1])] if kind.name == "Q4_0" else []
if lost != [0.875, 0.875]:
    raise SystemExit("the behaviour has changed")
END
