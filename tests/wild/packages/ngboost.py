"""ngboost: `d_score` of its distributions, by which the boosting steps."""
import numpy as np
from case import rng, scalar
from ngboost import distns

PINS = "ngboost==0.6.0 numpy==2.4.6"
KINDS = {"Normal": 2, "NormalFixedVar": 1, "NormalFixedMean": 1, "Laplace": 2, "LogNormal": 2,
         "Exponential": 1, "Gamma": 2, "Poisson": 1, "T": 3, "TFixedDf": 2, "Weibull": 2,
         "HalfNormal": 1, "Cauchy": 2}


def checks():
    from ngboost.scores import CRPScore, LogScore
    for name, n in KINDS.items():
        kind = getattr(distns, name, None)
        for score in (LogScore, CRPScore):
            try:
                mixed = kind.implementation(score)
                made = type(f"{name}{score.__name__}", (mixed, kind), {})
            except Exception:
                continue
            for seed in range(3):
                r = rng(f"{name}{seed}")
                y = r.poisson(2., 3) * 1. if name == "Poisson" else r.gamma(2., size=3)

                def both(q, m=made):
                    return m(np.reshape(q, (-1, 3)))
                yield scalar(f"{name}.{score.__name__}[{seed}]",
                             lambda q, b=both, y=y: float(np.sum(b(q).score(y))),
                             r.normal(size=3 * n) * .4,
                             lambda q, b=both, y=y: np.ravel(np.asarray(b(q).d_score(y)).T),
                             method="richardson")


WHY = {"Gamma.*": ("approximation", "1e-10 is added inside a logarithm")}
