#!/usr/bin/env bash
# ml_dtypes with NumPy: the mean of a thousand bfloat16 ones is 0.256.
#
# Guess: np.mean takes care of narrow types, as it does for float16, whose sums it forms in float32.
# What happens: bfloat16 is summed in bfloat16, where 256 + 1 is 256, and no float64 comes to help.
# np.sort does not know its nan either: it stays in the middle, and what lies around it is unsorted.
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
for kind in np.float16, ml_dtypes.bfloat16:
    mean = float(np.mean(np.ones(1000, kind)))
    order = np.sort(np.array([3, np.nan, 1], kind)).astype(float).tolist()
    print(f"{np.dtype(kind).name}: the mean of 1000 ones is {mean:.4g}; 3, nan, 1 sorted: {order}")
if mean == 1 or order[:2] == [1, 3]:
    raise SystemExit("the behaviour has changed")
END
