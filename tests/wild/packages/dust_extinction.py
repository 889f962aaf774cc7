"""dust_extinction: `fit_deriv` of FM90, the curve of ultraviolet extinction."""
import numpy as np
from case import Case, rng
from dust_extinction.shapes import FM90

PINS = "dust_extinction==1.7 numpy==2.4.6"


def checks():
    x = np.linspace(3.5, 10.5, 15)
    for seed in range(3):
        model, r = FM90(), rng(f"fm90{seed}")
        names = model.param_names
        at = {n: float(getattr(model, n).value * r.uniform(.9, 1.1)) for n in names}
        value = lambda p, m=model: np.asarray(m.evaluate(x, *p.values()))

        def grads(p, c, m=model, names=names):
            d = m.fit_deriv(x, *p.values())
            return {n: float(np.sum(c * d[i])) for i, n in enumerate(names)}
        yield Case(f"FM90[{seed}]", value, at, grads,
                   options={"cotangent": r.normal(size=15) + 2, "method": "richardson"})


WHY = {"FM90*": ("mistake", "xo and gamma: the derivative of the Drude profile is another one's")}
