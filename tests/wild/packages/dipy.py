"""dipy: Jacobians of the transforms that images are registered by."""
import numpy as np
from case import jacobian, rng
from dipy.align.transforms import regtransforms

PINS = "dipy==1.12.1 numpy==2.4.6"


def checks():
    for seed in range(3):
        for (name, dim), transform in sorted(regtransforms.items()):
            r = rng(f"{name}{dim}{seed}")
            x = r.normal(size=dim)
            at = transform.get_identity_parameters() + r.normal(
                size=transform.get_number_of_parameters()) * .3

            def f(p, t=transform, x=x, dim=dim):
                return (t.param_to_matrix(p) @ np.append(x, 1.))[:dim]
            yield jacobian(f"{name}.{dim}[{seed}]", f, at, lambda p, t=transform, x=x: np.array(
                t.jacobian(p, x)), method="richardson")


WHY = {}
