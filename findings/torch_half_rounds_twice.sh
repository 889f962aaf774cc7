#!/usr/bin/env bash
# PyTorch: .half() of a float64 is rounded twice, and float8 overflows in two manners.
#
# Guess: the float16 nearest to the float64, as NumPy has it; and what is too large for a float8 is
# treated alike in both of its kinds.
# What happens: it goes by way of float32, so that what lies a little above the middle of two
# neighbours ends on the farther one. 1e9 is 448 in float8_e4m3fn, its largest number, and inf in
# float8_e5m2, whose largest is 57344.
# torch 2.13.0 on a CPU, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import torch

print(f"torch {torch.__version__}, NumPy {np.__version__}")
x = 1 + 2.0**-11 + 2.0**-40
theirs, nearest = torch.tensor(x, dtype=torch.float64).half().item(), float(np.float16(x))
print(f"1 + 2**-11 + 2**-40 in float16: torch {theirs}, NumPy {nearest}")
large = {kind: torch.tensor(1e9).to(kind).float().item()
         for kind in (torch.float8_e4m3fn, torch.float8_e5m2)}
print(f"1e9: {large}")
if theirs == nearest or list(large.values()) != [448, float("inf")]:
    raise SystemExit("the behaviour has changed")
END
