"""benchmark_functions: the gradients of its test functions; its wheel asks for no SciPy."""
import benchmark_functions as bf
import numpy as np
from case import jacobian, rng, scalar

PINS = "benchmark_functions==1.1.4 numpy==2.4.6 scipy==1.17.1"


def checks():
    for name in sorted(n for n in vars(bf) if n[0].isupper()):
        try:
            f = getattr(bf, name)()
            f.gradient(rng(name).uniform(.2, .9, size=f.n_dimensions()))
        except Exception:
            continue
        for seed in range(3):
            x = rng(f"{name}{seed}").uniform(.2, .9, size=f.n_dimensions())
            yield scalar(f"{name}.gradient[{seed}]", lambda x, f=f: float(f(x.tolist())), x,
                         lambda x, f=f: np.asarray(f.gradient(x), float), method="richardson")
            try:
                f.hessian(x)
            except Exception:
                continue
            yield jacobian(f"{name}.hessian[{seed}]", lambda x, f=f: np.asarray(
                f.gradient(x), float), x, lambda x, f=f: np.asarray(f.hessian(x), float),
                method="richardson")


WHY = {}
