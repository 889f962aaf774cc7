#!/usr/bin/env bash
# NumPy: logaddexp.reduce of 2**24 zeros in float32 is 14.6, not 16.6.
#
# Guess: 16.6355, the logarithm of 2**24, to six digits: sums are added up by pairs.
# What happens: only add does so; logaddexp takes one number after the other, and stops growing once
# log(1 + 1/n) is below half a last place of the result, at about a million. log(sum(exp(z))) has all
# digits.
# NumPy 2.4.6 (x86-64), Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np

print(f"NumPy {np.__version__}")
for power in (14, 18, 24):
    z = np.zeros(2**power, np.float32)
    found = np.logaddexp.reduce(z)
    print(f"2**{power} zeros in float32: logaddexp.reduce {found:.6f}, log of the sum of exp "
          f"{np.log(np.exp(z).sum()):.6f}, right {power * np.log(2):.6f}")
if abs(found - 24 * np.log(2)) < 0.01:
    raise SystemExit("the behaviour has changed")
END
