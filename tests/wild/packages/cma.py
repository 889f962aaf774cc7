"""cma: the gradients beside its test functions."""
import cma
import numpy as np
from case import rng, scalar

PINS = "cma==4.5.0 numpy==2.4.6"
PAIRS = {"sphere": "grad_sphere", "cigar": "grad_cigar", "tablet": "grad_tablet",
         "elli": "grad_elli", "rosen": "grad_rosen"}


def checks():
    for f, g in PAIRS.items():
        for seed in range(4):
            x = rng(f"{f}{seed}").normal(size=3 + seed)
            yield scalar(f"{g}[{seed}]", lambda x, f=f: float(getattr(cma.ff, f)(x)), x,
                         lambda x, g=g: np.asarray(getattr(cma.ff, g)(x)), method="richardson")


WHY = {}
