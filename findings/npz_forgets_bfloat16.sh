#!/usr/bin/env bash
# NumPy: an array of bfloat16 or float8 comes back from np.savez as raw bytes, without an error.
#
# Guess: np.savez refuses a type that np.load cannot give back, or np.load raises.
# What happens: the file says "two bytes of anything"; np.load gives an array of |V2, from which a
# view, not astype, must make numbers again, if one still knows which.
# NumPy 2.4.6, ml_dtypes 0.6.0, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 ml_dtypes==0.6.0 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import io

import ml_dtypes
import numpy as np

print(f"NumPy {np.__version__}, ml_dtypes {ml_dtypes.__version__}")
file = io.BytesIO()
np.savez(file, weight=np.arange(3).astype(ml_dtypes.bfloat16))
file.seek(0)
found = np.load(file)["weight"]
print(f"0, 1, 2 in bfloat16 come back with the dtype {found.dtype}: {found.tolist()}")
print(f"viewed as bfloat16: {found.view(ml_dtypes.bfloat16).astype(float).tolist()}")
if found.dtype != np.dtype("V2"):
    raise SystemExit("the behaviour has changed")
END
