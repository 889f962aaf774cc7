"""astropy: `fit_deriv` of its models, by which the linear and Levenberg-Marquardt fitters step."""
import inspect

import numpy as np
from astropy.modeling import models, powerlaws
from case import Case, rng

PINS = "astropy==8.0.2 scipy==1.17.1 numpy==2.4.6"
METHODS = ("wofz", "humlicek2")


def model_check(name, model, xs, values, seed):
    names = model.param_names
    value = lambda p: np.asarray(model.evaluate(*xs, *map(np.asarray, p.values())))

    def grads(p, c):
        d = model.fit_deriv(*xs, *p.values())
        d = [np.asarray(d[i]) if model.col_fit_deriv else np.asarray(d)[:, i]
             for i in range(len(names))]
        return {n: float(np.sum(c * np.broadcast_to(d[i], c.shape))) for i, n in enumerate(names)}
    cotangent = rng(f"{name}{seed}").normal(size=np.shape(value(dict(zip(names, values))))) + 2
    return Case(f"{name}[{seed}]", value, dict(zip(names, map(float, values))), grads,
                options={"cotangent": cotangent})


def all_models():
    for module in (models, powerlaws):
        for name, kind in sorted(vars(module).items()):
            if not (inspect.isclass(kind) and hasattr(kind, "fit_deriv")):
                continue
            if kind.fit_deriv is not None and not name.startswith(("Fittable", "_")):
                yield name, kind


def build(name, kind):
    if name == "Voigt1D":
        return [kind(method=method) for method in METHODS]
    if name in ("Legendre1D", "Chebyshev1D", "Hermite1D", "Polynomial1D"):
        return [kind(3)]
    if name in ("Legendre2D", "Chebyshev2D", "Hermite2D"):
        return [kind(2, 2)]
    if name == "Polynomial2D":
        return [kind(2)]
    try:
        return [kind()]
    except TypeError:
        return []


def checks():
    seen = set()
    for name, kind in all_models():
        if kind in seen or inspect.isabstract(kind):
            continue
        seen.add(kind)
        for k, model in enumerate(build(name, kind)):
            label = name + (f".{METHODS[k]}" if name == "Voigt1D" else "")
            for seed in range(3):
                r = rng(f"{label}/{seed}")
                x = np.linspace(0.4, 6.3, 23)
                y = np.linspace(-1, 2, 23)
                xs = [x] if model.n_inputs == 1 else [x, y]
                values = r.uniform(0.5, 2.5, size=len(model.param_names))
                if name in ("ArcSine1D", "ArcCosine1D"):
                    values = [9.0, 2.0, 0.3]        # |x| below the amplitude
                yield model_check(label, model, xs, values, seed)


WHY = {
    "Drude1D*": ("mistake", "x_0: x / x_0 stands where x / x_0**2 belongs"),
    "Hermite2D*": ("mistake", "evaluate: the recurrence in y begins at the index of x; "
                              "fit_deriv is right"),
    "Voigt1D.humlicek2*": ("approximation", "w(z) by Humlicek's rational fit, to 1e-5"),
}
