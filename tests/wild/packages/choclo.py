"""choclo: gravity of prisms and points: potential, acceleration and tensor, each by formula."""
import choclo
import numpy as np
from case import numbers, rng

PINS = "choclo==0.3.2 numpy==2.4.6"
AXES = ("e", "n", "u")


def moved(f, at, axis, more):
    def value(x):
        p = list(at)
        p[AXES.index(axis)] = x
        return f(*p, *more)
    return value


def checks():
    for seed in range(2):
        r = rng(f"choclo{seed}")
        at = r.uniform(120., 200., size=3) * [1, -1, 1]
        bodies = {"prism": (choclo.prism, (-50., 40., -30., 60., -80., 10., 2670.)),
                  "point": (choclo.point, (3., -8., -20., 4e5))}
        for body, (module, more) in bodies.items():
            for a in AXES:
                xs = at[AXES.index(a)] + np.array([0., 7.])
                yield numbers(f"{body}.gravity_{a}[{seed}]",
                              moved(module.gravity_pot, at, a, more),
                              moved(getattr(module, f"gravity_{a}"), at, a, more), xs)
                for b in AXES:
                    name = "".join(sorted(a + b, key="enu".index))
                    yield numbers(f"{body}.gravity_{name}.{b}[{seed}]",
                                  moved(getattr(module, f"gravity_{a}"), at, b, more),
                                  moved(getattr(module, f"gravity_{name}"), at, b, more),
                                  at[AXES.index(b)] + np.array([0., 7.]))


WHY = {}
