"""lmfit: the factor by which bounds scale a derivative."""
import numpy as np
from case import numbers, rng
from lmfit import Parameter

PINS = "lmfit==1.3.4 numpy==2.4.6 scipy==1.17.1"


def checks():
    for seed in range(4):
        xs = rng(f"lmfit{seed}").normal(size=5)
        for name, low, high in (("free", -np.inf, np.inf), ("above", -.3, np.inf),
                                ("below", -np.inf, 4.), ("between", -1., 5.)):
            p = Parameter("p", value=1.2, min=low, max=high)
            p.setup_bounds()
            yield numbers(f"scale_gradient.{name}[{seed}]", p.from_internal, p.scale_gradient, xs)


WHY = {}
