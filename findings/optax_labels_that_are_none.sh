#!/usr/bin/env bash
# optax: label -1 is the last class; label C costs nan, with a gradient that is a number.
#
# Guess: -1, which marks padding elsewhere, has no loss or is refused; a label beyond the classes
# has the loss nan and, as it should then, the gradient nan.
# What happens: -1 counts from the end, so that padding trains the last class. For label C the loss
# is nan, but its gradient is the softmax: each step lowers all scores, and nothing is seen where
# only gradients are looked at.
# optax 0.2.8 on jax 0.10.2, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import jax
import jax.numpy as jnp
import optax


def loss(scores, label):
    return optax.softmax_cross_entropy_with_integer_labels(scores, jnp.array([label])).sum()


print(f"optax {optax.__version__}, jax {jax.__version__}")
scores = jnp.array([[1.0, 2.0, 3.0]])
for label in 2, -1, 3:
    print(f"label {label:2}: loss {loss(scores, label):.6f}, "
          f"gradient {jax.grad(loss)(scores, label)[0].round(3).tolist()}")
if loss(scores, -1) != loss(scores, 2) or not jnp.isfinite(jax.grad(loss)(scores, 3)).all():
    raise SystemExit("the behaviour has changed")
END
