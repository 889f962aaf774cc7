#!/usr/bin/env bash
# JAX on a CPU: 1e-310 is not greater than 0, and its logarithm is -inf.
#
# Guess: a float64 that an array holds and prints counts as a number.
# What happens: XLA treats subnormal numbers as 0 in every operation, comparisons among them, though
# the array keeps and shows them. exp(-720), a subnormal, is 0, so log(exp(-720)) is -inf.
# jax 0.10.2 on a CPU, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
print(f"jax {jax.__version__}")
x = jnp.float64(1e-310)
print(f"x = {float(x)}: x > 0 is {bool(x > 0)}, log(x) {float(jnp.log(x))}, "
      f"exp(-720) {float(jnp.exp(-720.0))}; NumPy: {x.__array__() > 0}, "
      f"{np.log(1e-310):.4f}, {np.exp(-720.0)}")
if x > 0 or jnp.log(x) != -jnp.inf:
    raise SystemExit("the behaviour has changed")
END
