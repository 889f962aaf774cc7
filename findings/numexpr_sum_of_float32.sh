#!/usr/bin/env bash
# numexpr: the sum of twenty million float32 tenths is off by 5 %.
#
# Guess: sum(x) is about as exact as NumPy's, whose sums are pairwise: 2,000,000.
# What happens: it adds one after the other in float32, and gives 2,097,152: once the sum is 2**21,
# a tenth is less than half of its last place, and nothing is added any more.
# numexpr 2.14.2, NumPy 2.4.6, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numexpr==2.14.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numexpr
import numpy as np

print(f"numexpr {numexpr.__version__}, NumPy {np.__version__}")
x = np.full(20_000_000, 0.1, np.float32)
theirs, pairwise = float(numexpr.evaluate("sum(x)")), float(x.sum())
print(f"sum of 20,000,000 tenths in float32: numexpr {theirs:,.0f}, NumPy {pairwise:,.1f}")
if abs(theirs / 2e6 - 1) < 0.01:
    raise SystemExit("the behaviour has changed")
END
