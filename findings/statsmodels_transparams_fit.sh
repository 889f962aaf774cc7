#!/usr/bin/env bash
# statsmodels: fit(use_transparams=True) of NegativeBinomialP descends by a wrong gradient, and stops early.
#
# Guess: use_transparams=True, which keeps the dispersion positive, ends at the same maximum.
# What happens: the score by the transformed alpha lacks the chain rule, or has the square of the
# derivative for it, in NegativeBinomialP and GeneralizedPoisson.
# statsmodels 0.15.0, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile statsmodels==0.15.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import statsmodels
from statsmodels.discrete import discrete_model as d

rng = np.random.default_rng(0)
X = np.c_[np.ones(300), rng.normal(size=(300, 2))]
y = rng.negative_binomial(2, 2 / (2 + np.exp(1 + X[:, 1] / 2))) * 1.0
q = np.array([0.3, -0.2, 0.1, 0.3])
print(f"statsmodels {statsmodels.__version__}")
changed = True
for kind in d.NegativeBinomialP, d.GeneralizedPoisson:
    model = kind(y, X)
    ends = [model.fit(method="bfgs", maxiter=300, disp=0, use_transparams=on).llf
            for on in (False, True)]
    model._transparams = True               # what fit(use_transparams=True) sets meanwhile
    right = [(model.loglike(q + e) - model.loglike(q - e)) / 2e-5 for e in np.eye(4) * 1e-5]
    print(f"{kind.__name__}: score {model.score(q).round(2)}, differences {np.round(right, 2)}; "
          f"fit without {ends[0]:.2f}, with use_transparams {ends[1]:.2f}")
    changed = changed and np.allclose(model.score(q), right, rtol=1e-4, atol=1e-3)
if changed:
    raise SystemExit("the behaviour has changed")
END
