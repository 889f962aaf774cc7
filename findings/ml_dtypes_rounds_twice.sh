#!/usr/bin/env bash
# ml_dtypes: a float64 becomes bfloat16 or float8 by way of float32, and is rounded twice.
#
# Guess: astype gives the number of the narrow type that is nearest to the float64.
# What happens: what lies a little above the middle of two neighbours is rounded onto the middle
# first, and then to the even neighbour, which is the farther one. NumPy's own float16 is right.
# ml_dtypes 0.6.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile ml_dtypes==0.6.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import ml_dtypes
import numpy as np

print(f"ml_dtypes {ml_dtypes.__version__}, NumPy {np.__version__}")
wrong = 0
for kind, bits in (np.float16, 10), (ml_dtypes.bfloat16, 7), (ml_dtypes.float8_e4m3fn, 3), (
        ml_dtypes.float8_e5m2, 2):
    x = np.float64(1 + 2.0**-(bits + 1) + 2.0**-40)         # above the middle of 1 and 1 + 2**-bits
    found, nearest = float(x.astype(kind)), 1 + 2.0**-bits
    wrong += found != nearest
    print(f"{np.dtype(kind).name}: 1 + 2**-{bits + 1} + 2**-40 becomes {found}, "
          f"nearest is {nearest}")
if wrong != 3:
    raise SystemExit("the behaviour has changed")
END
