"""gsw (TEOS-10 of the oceans): the functions named ..._first_derivatives and ..._second_..."""
import gsw
import numpy as np
from case import elementwise

PINS = "gsw==3.6.23 numpy==2.4.6"
SA, CT, P = np.array([34.7, 33.1, 35.8, 12.4]), np.array([4.3, 18.6, 1.2, 9.7]), np.array(
    [120., 10., 1950., 640.])
T = np.array([4.4, 18.5, 1.3, 9.8])
# (value, derivatives in the order that they come, arguments, factor on the derivative by p)
FIRST = {
    "rho_first_derivatives": (gsw.rho, (SA, CT, P), (0, 1, 2)),
    "specvol_first_derivatives": (gsw.specvol, (SA, CT, P), (0, 1, 2)),
    "enthalpy_first_derivatives": (gsw.enthalpy, (SA, CT, P), (0, 1)),
    "entropy_first_derivatives": (gsw.entropy_from_CT, (SA, CT), (0, 1)),
    "pt_first_derivatives": (gsw.pt_from_CT, (SA, CT), (0, 1)),
    "CT_first_derivatives": (gsw.CT_from_pt, (SA, T), (0, 1)),
    "CT_freezing_first_derivatives": (lambda s, p: gsw.CT_freezing(s, p, 0.), (SA, P), (0, 1)),
    "CT_freezing_first_derivatives_poly": (
        lambda s, p: gsw.CT_freezing_poly(s, p, 0.), (SA, P), (0, 1)),
    "t_freezing_first_derivatives": (lambda s, p: gsw.t_freezing(s, p, 0.), (SA, P), (0, 1)),
    "t_freezing_first_derivatives_poly": (
        lambda s, p: gsw.t_freezing_poly(s, p, 0.), (SA, P), (0, 1)),
    "CT_first_derivatives_wrt_t_exact": (
        gsw.CT_from_t, (SA, T, P), (0, 1, 2)),
}
SECOND = {
    "rho_second_derivatives": (
        "rho_first_derivatives", (SA, CT, P), ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))),
    "specvol_second_derivatives": (
        "specvol_first_derivatives", (SA, CT, P), ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))),
    "enthalpy_second_derivatives": (
        "enthalpy_first_derivatives", (SA, CT, P), ((0, 0), (0, 1), (1, 1))),
    "entropy_second_derivatives": (
        "entropy_first_derivatives", (SA, CT), ((0, 0), (0, 1), (1, 1))),
    "pt_second_derivatives": ("pt_first_derivatives", (SA, CT), ((0, 0), (0, 1), (1, 1))),
    "CT_second_derivatives": ("CT_first_derivatives", (SA, T), ((0, 0), (0, 1), (1, 1))),
}
PASCAL = 1e4                                    # pressures are in dbar, derivatives per Pa


def along(of, args, i):
    def value(x):
        changed = list(args)
        changed[i] = x
        return np.asarray(of(*changed))
    return value


def at_enthalpy(of):
    """of(SA, CT, p), as its derivatives by enthalpy are asked for, as a function of (SA, h, p)."""
    return lambda s, h, p: of(s, gsw.CT_from_enthalpy(s, h, p), p)


def by_enthalpy():
    args = (SA, gsw.enthalpy(SA, CT, P), P)
    for of in (gsw.rho, gsw.specvol):
        first = getattr(gsw, f"{of.__name__}_first_derivatives_wrt_enthalpy")
        second = getattr(gsw, f"{of.__name__}_second_derivatives_wrt_enthalpy")
        for i in (0, 1):
            yield (f"{first.__name__}.{i}", along(at_enthalpy(of), args, i),
                   along(at_enthalpy(lambda *a, g=first, i=i: g(*a)[i]), args, i), args, i)
        for k, (i, j) in enumerate(((0, 0), (0, 1), (1, 1))):
            yield (f"{second.__name__}.{k}",
                   along(at_enthalpy(lambda *a, g=first, i=i: g(*a)[i]), args, j),
                   along(at_enthalpy(lambda *a, g=second, k=k: g(*a)[k]), args, j), args, j)


def unit(names, i):
    return PASCAL if names[i] is P else 1.0


def functions():
    """name, f, df, of which argument, at which points."""
    for name, what in FIRST.items():
        of, args, order = what
        derivative = getattr(gsw, name)
        for k, i in enumerate(order):
            call = args if "freezing" not in name else (*args, 0.)
            yield (f"{name}.{k}", along(of, args, i),
                   along(lambda *a, d=derivative, k=k, c=call: d(
                       *a, *c[len(a):])[k], args, i), args, i)
    for name, (first, args, pairs) in SECOND.items():
        for k, (i, j) in enumerate(pairs):
            yield (f"{name}.{k}", along(lambda *a, f=getattr(gsw, first), i=i: f(*a)[i], args, j),
                   along(lambda *a, d=getattr(gsw, name), k=k: d(*a)[k], args, j), args, j)
    for name, of, args, i in (
            ("alpha", lambda s, c, p: np.log(gsw.specvol(s, c, p)), (SA, CT, P), 1),
            ("beta", lambda s, c, p: -np.log(gsw.specvol(s, c, p)), (SA, CT, P), 0),
            ("kappa", lambda s, c, p: -np.log(gsw.specvol(s, c, p)), (SA, CT, P), 2)):
        yield name, along(of, args, i), along(getattr(gsw, name), args, i), args, i
    yield ("sound_speed", along(gsw.rho, (SA, CT, P), 2),
           along(lambda s, c, p: 1 / gsw.sound_speed(s, c, p) ** 2, (SA, CT, P), 2), (SA, CT, P),
           2)
    yield ("cp_t_exact", along(gsw.enthalpy_t_exact, (SA, T, P), 1),
           along(gsw.cp_t_exact, (SA, T, P), 1), (SA, T, P), 1)
    yield ("cp_ice", along(gsw.enthalpy_ice, (-T, P), 0), along(gsw.cp_ice, (-T, P), 0), (-T, P),
           0)
    yield ("kappa_const_t_ice", along(lambda t, p: -np.log(gsw.specvol_ice(t, p)), (-T, P), 1),
           along(gsw.kappa_const_t_ice, (-T, P), 1), (-T, P), 1)
    yield ("alpha_wrt_t_ice", along(lambda t, p: np.log(gsw.specvol_ice(t, p)), (-T, P), 0),
           along(gsw.alpha_wrt_t_ice, (-T, P), 0), (-T, P), 0)
    yield ("alpha_wrt_t_exact", along(lambda s, t, p: np.log(gsw.specvol_t_exact(s, t, p)),
                                      (SA, T, P), 1),
           along(gsw.alpha_wrt_t_exact, (SA, T, P), 1), (SA, T, P), 1)


def integral(s, c, p):
    """d2 h / dSA2, the integral of d2 v / dSA2 over pressure: 20 points of Gauss are exact."""
    x, w = np.polynomial.legendre.leggauss(20)
    return sum(b * gsw.specvol_second_derivatives(s, c, p * (a + 1) / 2)[0]
               for a, b in zip(x, w)) * p / 2 * PASCAL


def checks():
    for name, f, df, args, i in (*functions(), *by_enthalpy()):
        scale = unit(args, i)
        for k, rows in enumerate(([0, 1], [2, 3])):
            def part(of, rows=rows, args=args, i=i):
                def at(x):
                    full = args[i].copy()
                    full[rows] = x
                    return np.asarray(of(full))[rows]
                return at
            right = None
            if name == "enthalpy_second_derivatives.0":
                right = part(along(lambda s, c, p: integral(s, c, p), (SA, CT, P), 0))
            yield elementwise(f"{name}[{k}]", part(f),
                              lambda x, g=part(df), s=scale: s * g(x), args[i][rows], right,
                              method="richardson")


INSIDE = ("approximation", "differences of the first derivatives inside, 1e-8 to 1e-5 off")
WHY = {
    "enthalpy_second_derivatives.0*": (
        "mistake", "d2h/dSA2 is off by 2 % at 2,000 dbar and 10 % at 5,000"),
    "CT_second_derivatives.*": INSIDE, "pt_second_derivatives.*": INSIDE,
    "*_second_derivatives_wrt_enthalpy.0*": (
        "mistake", "inherits d2h/dSA2 of enthalpy_second_derivatives"),
    "t_freezing_first_derivatives_poly.*": (
        "approximation", "of another polynomial than t_freezing_poly evaluates: 2e-4 apart"),
}
