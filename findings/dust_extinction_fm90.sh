#!/usr/bin/env bash
# dust_extinction: FM90.fit_deriv by xo and gamma is no derivative of the model: -0.7 for -2.7.
#
# Guess: fit_deriv is the derivative of evaluate by each parameter.
# What happens: by xo and gamma it is the derivative of another profile.
# dust_extinction 1.7, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile dust_extinction==1.7 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import numpy as np
from dust_extinction.shapes import FM90

model, x = FM90(), np.array([4.5])
values = dict(zip(model.param_names, (float(p) for p in model.parameters)))
print(f"dust_extinction {version('dust_extinction')}")
d = dict(zip(values, model.fit_deriv(x, *values.values())))
for name, p in values.items():
    step = 1e-5 * max(abs(p), 0.1)
    high, low = (float(model.evaluate(x, **{**values, name: p + s})[0]) for s in (step, -step))
    right, answered = (high - low) / (2 * step), float(np.ravel(d[name])[0])
    print(f"by {name}: {answered:.6g}, differences {right:.6g}")
    if name == "xo" and abs(answered - right) < 1e-3 * abs(right):
        raise SystemExit("the behaviour has changed")
END
