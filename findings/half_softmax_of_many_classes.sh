#!/usr/bin/env bash
# JAX and SciPy: the softmax of 100,000 equal logits in half precision is 0, and its logarithm -inf.
#
# Guess: 1e-5, which half precision can hold; both add up in float32.
# What happens: the sum of exponentials is rounded to half precision, where all above 65519 is inf,
# before it divides. A vocabulary of 65,520 words is enough.
# jax 0.10.2 with jaxlib 0.10.2 on a CPU, SciPy 1.17.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    jax==0.10.2 jaxlib==0.10.2 scipy==1.17.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

print("jax 0.10.2, SciPy 1.17.1")
found = []
for n in (65_519, 65_520, 100_000):
    for name, module, zeros in (("JAX", jax.nn, jnp.zeros(n, jnp.float16)),
                                ("SciPy", scipy.special, np.zeros(n, np.float16))):
        found.append(float(module.softmax(zeros)[0]))
        print(f"{n:7,} equal logits, {name}: softmax {found[-1]:.3g}, "
              f"log_softmax {float(module.log_softmax(zeros)[0]):.4g}")
if any(found[-2:]):
    raise SystemExit("the behaviour has changed")
END
