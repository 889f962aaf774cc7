"""uncertainties: the derivatives in `umath`, by which errors are propagated."""
import numpy as np
from case import numbers
from uncertainties import ufloat, umath

PINS = "uncertainties==3.2.3 numpy==2.4.6"
UNARY = """acos asin atan acosh asinh atanh cos cosh degrees erf erfc exp expm1 fabs gamma lgamma
log log10 log1p radians sin sinh sqrt tan tanh""".split()
BINARY = {"atan2": umath.atan2, "hypot": umath.hypot, "pow": umath.pow, "log": umath.log,
          "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
          "truediv": lambda a, b: a / b, "**": lambda a, b: a ** b,
          "mod": lambda a, b: a % b, "copysign": umath.copysign, "fmod": umath.fmod}


def parts(f):
    """The value and the derivative of f at a number."""
    def value(x):
        return f(ufloat(x, 1.0)).nominal_value

    def slope(x):
        x = ufloat(x, 1.0)
        return f(x).derivatives.get(x, 0.0)
    return value, slope


def checks():
    for k, at in enumerate((np.array([.13, .42, .77]), np.array([.31, .58, .95]))):
        for name in UNARY:
            x = at + 1 if name == "acosh" else at
            yield numbers(f"{name}[{k}]", *parts(getattr(umath, name)), x)
        for name, f in BINARY.items():
            yield numbers(f"{name}.0[{k}]", *parts(lambda x, f=f: f(x + 1, 1.7)), at)
            yield numbers(f"{name}.1[{k}]", *parts(lambda x, f=f: f(1.3, x + 1)), at)
        yield numbers(f"program[{k}]", *parts(
            lambda x: umath.exp(-x * x) / (1 + umath.sqrt(x)) + x ** 3), at)


WHY = {}
