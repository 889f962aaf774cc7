#!/usr/bin/env bash
# NumPy with OpenBLAS: A @ A.copy().T in float32 is not A @ A.T, and not symmetric.
#
# Guess: the bits of a product are up to the numbers of its factors; and both are symmetric, since
# entry (i, j) and entry (j, i) are sums of the same products.
# What happens: NumPy sees that both factors are one array, and calls the routine for symmetric
# products, which forms one triangle and copies it. With a copy it is an ordinary product, whose
# kernel adds up the products of (i, j) and of (j, i) in another order.
# NumPy 2.4.6 (OpenBLAS of its wheel, x86-64), Python 3.11. Seen 2026-11-28. Which entries differ is
# up to the kernel for the processor.
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
a = np.random.default_rng(0).standard_normal((200, 300)).astype(np.float32)
same, copy = a @ a.T, a @ a.copy().T
print(f"of 40,000 entries {np.sum(same != copy):,} differ, "
      f"by up to {np.abs(same - copy).max():.2g}")
print(f"entries unlike their mirror image: {np.sum(same != same.T):,} in A @ A.T, "
      f"{np.sum(copy != copy.T):,} with the copy")
if np.array_equal(same, copy) or np.array_equal(copy, copy.T):
    raise SystemExit("the behaviour has changed, or this processor's kernel adds in one order")
END
