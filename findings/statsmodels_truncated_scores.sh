#!/usr/bin/env bash
# statsmodels: the scores of two truncated count models are not the derivatives of their log-likelihoods.
#
# Guess: score is the gradient of loglike, for each p that a model takes.
# What happens: the part that truncation adds is built without p: TruncatedLFGeneralizedPoisson (p
# = 2 is its default) and TruncatedLFNegativeBinomialP(p=1) have wrong scores.
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
from statsmodels.discrete import truncated_model as t

rng = np.random.default_rng(0)
X = np.c_[np.ones(40), rng.normal(size=(40, 2))]
y, q = rng.poisson(2.0, 40) + 1.0, np.array([0.3, -0.2, 0.1, 0.3])
print(f"statsmodels {statsmodels.__version__}")
for kind in t.TruncatedLFGeneralizedPoisson, t.TruncatedLFNegativeBinomialP:
    for p in 1, 2:
        model = kind(y, X, p=p)
        right = [(model.loglike(q + e) - model.loglike(q - e)) / 2e-5 for e in np.eye(4) * 1e-5]
        wrong = not np.allclose(model.score(q), right, rtol=1e-4, atol=1e-4)
        print(f"{kind.__name__}(p={p}): score {model.score(q).round(3)}, differences "
              f"{np.round(right, 3)}{' <- wrong' if wrong else ''}")
        if wrong != ((p == 2) == (kind is t.TruncatedLFGeneralizedPoisson)):
            raise SystemExit("the behaviour has changed")
END
