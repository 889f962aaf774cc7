#!/usr/bin/env bash
# NumPy with OpenBLAS: a row of a product has other bits when it is computed with fewer rows.
#
# Guess: row n of X @ W is row n of X times W; whether 10 or 64 rows are computed at once decides
# the time and not the digits. One row alone, a vector times a matrix, may be another routine.
# What happens: the last bit of some entries differs for nearly every number of rows from 1 to 32,
# in both precisions. Whoever compares a batch with its parts must allow for rounding.
# NumPy 2.4.6 (OpenBLAS of its wheel, x86-64), Python 3.11. Seen 2026-11-28. How many differ is up
# to the kernel for the processor.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np

print(f"NumPy {np.__version__}")
rng = np.random.default_rng(0)
w, x = rng.standard_normal((50, 300)), rng.standard_normal((64, 300))
for kind in np.float32, np.float64:
    full = x.astype(kind) @ w.astype(kind).T
    differ = [n for n in range(1, 33)
              if not np.array_equal(x[:n].astype(kind) @ w.astype(kind).T, full[:n])]
    print(f"{kind.__name__}: the first N rows differ from those of 64 for N = {differ}")
if not differ:
    raise SystemExit("the behaviour has changed, or this processor's kernel is another")
END
