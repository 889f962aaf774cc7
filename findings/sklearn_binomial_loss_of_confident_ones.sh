#!/usr/bin/env bash
# scikit-learn: a confident log loss is kept for the class 0, and rounded to 0 for the class 1.
#
# Guess: HalfBinomialLoss, which logistic regression and gradient boosting descend by, treats its
# two classes alike: the loss of y = 1 at a score of r is that of y = 0 at -r, log(1 + exp(-r)).
# What happens: it is log(1 + exp(r)) - y r. For y = 0 all digits stay; for y = 1 the difference has
# two digits at r = 30 and is 0 from 36 on, while the gradient, right for both, goes on.
# scikit-learn 1.9.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile scikit-learn==1.9.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import math

import numpy as np
import sklearn
from sklearn._loss.loss import HalfBinomialLoss

print(f"scikit-learn {sklearn.__version__}")
loss = HalfBinomialLoss()
of = lambda answer, y, r: float(answer(np.array([y]), np.array([r]))[0])
for r in 20.0, 30.0, 40.0:
    zero, one = of(loss.loss, 0.0, -r), of(loss.loss, 1.0, r)
    print(f"score {r:.0f}: loss of a 0 {zero:.6g}, of a 1 {one:.6g}, right "
          f"{math.log1p(math.exp(-r)):.6g}; gradients {of(loss.gradient, 0.0, -r):.6g}, "
          f"{of(loss.gradient, 1.0, r):.6g}")
if one > 0:
    raise SystemExit("the behaviour has changed")
END
