"""mord: the margin-based loss of its threshold models."""
import numpy as np
from case import elementwise, rng, scalar
from mord import threshold_based as t

PINS = "mord==0.7 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1"


def checks():
    for seed in range(4):
        r = rng(f"mord{seed}")
        n, X, y = 4, r.normal(size=(15, 3)), r.integers(0, 4, 15)
        L = np.tri(n - 1)
        at = np.r_[r.normal(size=3), -1., np.abs(r.normal(size=n - 2))]
        far = np.abs(np.arange(n)[:, None] - np.arange(n - 1) - .5)
        immediate = (far < 1) * 1.
        for name, weights in (("all", np.ones((n, n - 1))), ("immediate", immediate),
                              ("squared", far ** 2)):
            for sample in (None, r.uniform(.5, 2., 15)):
                args = (X, y, .7, n, weights, L, sample)
                yield scalar(f"margin.{name}.{sample is not None}[{seed}]",
                             lambda q, a=args: float(t.obj_margin(q, *a)), at,
                             lambda q, a=args: t.grad_margin(q, *a), method="richardson")
        yield elementwise(f"log_loss[{seed}]", t.log_loss, lambda z: -t.sigmoid(-z),
                          r.normal(size=6) * 2, method="richardson")


WHY = {}
