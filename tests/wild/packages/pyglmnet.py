"""pyglmnet: the gradient of the smooth part of its losses.  Runs where np.float is put back."""
import numpy as np
from case import rng, scalar

np.float, np.bool, np.int = float, bool, int
from pyglmnet import pyglmnet as p  # noqa: E402

PINS = "pyglmnet==1.1 numpy==1.26.4 scipy==1.13.1 setuptools==65.5.0"


def checks():
    for seed in range(4):
        r = rng(f"pyglmnet{seed}")
        X = r.normal(size=(12, 3))
        binary, counts = (r.uniform(size=12) < .5) * 1., r.poisson(2., size=12) * 1.
        for distr, y in (("gaussian", r.normal(size=12)), ("binomial", binary),
                         ("probit", binary), ("poisson", counts), ("softplus", counts),
                         ("gamma", r.gamma(2., size=12))):
            for intercept in (True, False):
                beta = r.normal(size=3 + intercept) * .4

                def f(b, d=distr, y=y, i=intercept, X=X):
                    return float(p._L2loss(d, .3, None, .2, X, y, 2., None, b, i))

                def g(b, d=distr, y=y, i=intercept, X=X):
                    return np.array(p._grad_L2loss(d, .3, None, .2, X, y, 2., b, i), float)
                yield scalar(f"{distr}.{intercept}[{seed}]", f, beta, g, method="richardson")


WHY = {}
