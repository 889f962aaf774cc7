"""galpy: forces and second derivatives of its potentials, each by formula; df and orbits not."""
import inspect

import numpy as np
from case import elementwise
from galpy import potential

PINS = "galpy==1.12.1 numpy==2.4.6"
R0, Z0, PHI0 = (np.array([.6, 1.1, 1.7]), np.array([.25, -.4, .8]), np.array([.3, 1.9, 4.]))
# method, of which function, along which of R, z, phi, the sign
THREE = (("Rforce", "__call__", "R", -1), ("zforce", "__call__", "z", -1),
         ("phitorque", "__call__", "phi", -1), ("R2deriv", "Rforce", "R", -1),
         ("z2deriv", "zforce", "z", -1), ("phi2deriv", "phitorque", "phi", -1),
         ("Rzderiv", "Rforce", "z", -1), ("Rphideriv", "Rforce", "phi", -1),
         ("phizderiv", "phitorque", "z", -1))


def all_potentials():
    for name, kind in sorted(vars(potential).items()):
        if not inspect.isclass(kind) or not issubclass(kind, potential.Potential):
            continue
        try:
            made = kind()
            made(1., .1, phi=.2, t=0.)
        except Exception:
            continue
        yield name, made


def along(method, axis, k):
    point = dict(zip(("R", "z", "phi"), (R0[k], Z0[k], PHI0[k])))

    def one(x):
        at = {**point, axis: float(x)}
        return float(np.real(method(at["R"], at["z"], phi=at["phi"], t=0.)))
    return one, point[axis]


INTEGRAL = ("approximation", "quadrature inside, 1e-8 to 1e-12 off")
ROUND = ("approximation", "round by default: 1e-15 to 1e-19 is answered for zero")


def checks():
    for name, made in all_potentials():
        for method, of, axis, sign in THREE:
            if "phi" in method and not made.isNonAxi:
                continue                # zero, and 0 checks nothing
            try:
                getattr(made, method)(1.1, .2, phi=.3, t=0.)
            except Exception:
                continue
            f = made if of == "__call__" else getattr(made, of)
            for k in range(3):
                value, x = along(f, axis, k)
                slope, _ = along(getattr(made, method), axis, k)
                yield elementwise(
                    f"{name}.{method}[{k}]", lambda x, f=value: np.array([f(x[0])]),
                    lambda x, g=slope, s=sign: np.array([s * g(x[0])]), np.array([x]),
                    method="richardson")


WHY = {
    "PerfectEllipsoid*.phi2deriv*": ROUND, "PowerTriaxial*.phi2deriv*": ROUND,
    "Triaxial*.phi2deriv*": ROUND, "*": INTEGRAL,
}
