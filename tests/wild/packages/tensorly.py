"""tensorly: the gradient of the error of a CP decomposition by its factors."""
import numpy as np
from case import Case, rng
from tensorly.cp_tensor import cp_lstsq_grad, cp_to_tensor

PINS = "tensorly==0.10.0 numpy==2.4.6 scipy==1.17.1"


def checks():
    for seed in range(4):
        r = rng(f"tensorly{seed}")
        for shape in ((3, 4, 2), (3, 2, 2, 4)):
            X, w = r.normal(size=shape), r.uniform(.5, 2., size=2)
            mask = (r.uniform(size=shape) < .7) * 1.
            factors = [r.normal(size=(n, 2)) for n in shape]
            for weighted in (False, True):
                for masked in (False, True):
                    weights, seen = w if weighted else np.ones(2), mask if masked else None

                    def f(p, w=weights, m=seen, X=X):
                        gap = X - cp_to_tensor((w, list(p)))
                        return float(np.sum((gap if m is None else gap * m) ** 2) / 2)

                    def g(p, w=weights, m=seen, X=X):
                        return list(cp_lstsq_grad((w, list(p)), X, mask=m)[1])

                    def loss(p, w=weights, m=seen, X=X):
                        return float(cp_lstsq_grad((w, list(p)), X, True, mask=m)[1])
                    name = f"{len(shape)}{'.weights' * weighted}{'.mask' * masked}[{seed}]"
                    yield Case(f"cp_lstsq_grad.{name}", f, factors, g,
                               options={"method": "richardson"})
                    yield Case(f"cp_lstsq_grad.loss.{name}", loss, factors, g,
                               options={"method": "richardson"})


WHY = {}
