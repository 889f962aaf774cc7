"""gvar: derivatives of its functions, by which errors are propagated."""
import gvar as gv
import numpy as np
from case import numbers

PINS = "gvar==13.1.10 numpy==2.4.6"
UNARY = """arccos arcsin arctan arcsinh arctanh cos cosh erf exp fabs log sin sinh sqrt square tan
tanh""".split()
BINARY = {"arctan2": gv.arctan2, "+": lambda a, b: a + b, "-": lambda a, b: a - b,
          "*": lambda a, b: a * b, "/": lambda a, b: a / b, "**": lambda a, b: a ** b}


def parts(f):
    def slope(x):
        x = gv.gvar(x, 1.0)
        return float(gv.deriv(f(x), x))
    return (lambda x: float(gv.mean(f(gv.gvar(x, 1.0))))), slope


def checks():
    for k, at in enumerate((np.array([.13, .42, .77]), np.array([.31, .58, .95]))):
        for name in UNARY:
            yield numbers(f"{name}[{k}]", *parts(getattr(gv, name)), at * .8)
        yield numbers(f"arccosh[{k}]", *parts(gv.arccosh), at + 1)
        for name, f in BINARY.items():
            yield numbers(f"{name}.0[{k}]", *parts(lambda x, f=f: f(x + 1, 1.7)), at)
            yield numbers(f"{name}.1[{k}]", *parts(lambda x, f=f: f(gv.gvar(1.3, .1), x + 1)), at)
        spline = gv.cspline.CSpline(np.arange(6.) / 3, np.sin(np.arange(6.)))
        yield numbers(f"cspline[{k}]", *parts(spline), at)
        yield numbers(f"cspline.D[{k}]", lambda x, s=spline: float(s(x)),
                      lambda x, s=spline: float(s.D(x)), at)
        yield numbers(f"cspline.D2[{k}]", lambda x, s=spline: float(s.D(x)),
                      lambda x, s=spline: float(s.D2(x)), at)
        yield numbers(f"cspline.integ[{k}]", lambda x, s=spline: float(s.integ(x)),
                      lambda x, s=spline: float(s(x)), at)


WHY = {}
