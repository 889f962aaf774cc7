"""chemicals: temperature derivatives of vapour pressures, heat capacities, virials and DIPPR."""
import chemicals.dippr as dippr
import chemicals.heat_capacity as cp
import chemicals.vapor_pressure as vp
import chemicals.virial as vi
import numpy as np
from case import jacobian, numbers

PINS = "chemicals==1.5.2 numpy==2.4.6"
T = np.array([310., 345., 390.])
WATER = (647.096, 22.064e6, 0.344)
DIPPR = {
    "EQ100": (276370., -2090.1, 8.125, -0.014116, 0.0000093701),
    "EQ101": (73.649, -7258.2, -7.3037, 4.1653e-6, 2.), "EQ102": (1.7096e-8, 1.1146, 3., 200.),
    "EQ104": (0.02222, -26.38, -16750000, -3.894e19, 3.133e21),
    "EQ105": (0.70824, 0.26411, 507.6, 0.27537), "EQ106": (647.096, .17766, 2.567, -3.3377, 1.9699),
    "EQ107": (33363., 26790., 2610.5, 8896., 1169.),
    "EQ114": (33.19, 66.653, 6765.9, -123.63, 478.27),
    "EQ115": (58.1, -5000., -5.4, 4e5, 1e-6), "EQ116": (647.096, 17.863, 58.606, -95.396, 213.89),
    "EQ127": (3.3258e4, 3.6199e4, 1.2057e3, 1.5373e7, 3.2122e3, -1.5318e7, 3.2122e3),
    "EQ100_reciprocal": (276370., -2090.1, 8.125), "EQ105_reciprocal": (.70824, .26411, 507.6, .27),
    "EQ106_reciprocal": (647.096, .17766, 2.567, -3.3377, 1.9699)}
FITTING = {"EQ101": DIPPR["EQ101"], "EQ102": DIPPR["EQ102"], "EQ105": DIPPR["EQ105"],
           "EQ107": DIPPR["EQ107"]}


def chain(name, functions, xs=T, right=None):
    """Each function against the derivative of the one before."""
    for k, (f, df) in enumerate(zip(functions, functions[1:])):
        yield numbers(f"{name}.{k + 1}", f, df, xs, right if k + 1 == len(functions) - 1 else None)


def vapour():
    for name, args in {
            "Yaws_Psat": (20.8, -3.5e3, -3., 1e-3, 1e-7), "Antoine": (8.95894, 510.595, -15.95),
            "Wagner_original": (190.53, 4596420., -6.00435, 1.1885, -.834082, -1.22833),
            "Wagner": (190.53, 4596420., -6.00435, 1.1885, -.834082, -1.22833),
            "TRC_Antoine_extended": (512.64, 213.5, 10.24, 1595., -31., 1.9, -27.4, 1e4)}.items():
        x = np.array([105., 130., 160.]) if name.startswith("Wagner") else T
        yield from chain(name, [lambda t, f=f, a=args: f(t, *a) for f in (
            getattr(vp, name), getattr(vp, f"d{name}_dT"), getattr(vp, f"d2{name}_dT2"))], x)
    yield from chain("Psat_IAPWS", [vp.Psat_IAPWS, vp.dPsat_IAPWS_dT])
    yield from chain("Arrhenius_extrapolation", [lambda t, f=f: f(t, 300., 2000., -4000.) for f in (
        vp.Arrhenius_extrapolation, vp.dArrhenius_extrapolation_dT,
        vp.d2Arrhenius_extrapolation_dT2, vp.d3Arrhenius_extrapolation_dT3)])


def heat():
    for name, args in {"Shomate": (30.092, 6.832514, 6.793435, -2.53448, .082139),
                       "Poling": (4.1, -1e-3, 2e-5, -3e-8, 1e-11),
                       "TRCCp": (4., 7.65e5, 720., 3.565, -.052, -1.55e6, 52., 201.),
                       "Zabransky_quasi_polynomial": (533., 0.0, 4.4, 10., 1., 2., 3.),
                       "Zabransky_cubic": (20.9634, -10.1344, 2.8253, -.256738)}.items():
        f, primitive = getattr(cp, name, None), getattr(cp, f"{name}_integral", None)
        over = getattr(cp, f"{name}_integral_over_T", None)
        if f is None:
            continue
        call = lambda t, f=f, a=args: f(t, *a)
        if name == "TRCCp":
            primitive = lambda t, *a: cp.TRCCp_integral(t, *a, 0.)
            over = lambda t, *a: cp.TRCCp_integral_over_T(t, *a, 0.)
        if primitive:
            yield numbers(f"{name}_integral", lambda t, g=primitive, a=args: g(t, *a), call, T)
        if over:
            yield numbers(f"{name}_integral_over_T", lambda t, g=over, a=args: g(t, *a),
                          lambda t, c=call: c(t) / t, T)


def checks():
    yield from vapour()
    yield from heat()
    for name, args in DIPPR.items():
        f = getattr(dippr, name)
        call = lambda t, order=0, f=f, a=args: f(t, *a, order=order)
        for order in (1, -1, dippr.INTEGRAL_OVER_T_CALCULATION):
            try:
                call(T[0], order)
            except Exception:
                continue
            if order == 1:
                yield numbers(f"{name}.order1", call, lambda t, c=call: c(t, 1), T)
            else:
                yield numbers(f"{name}.order{order}", lambda t, c=call, o=order: c(t, o),
                              lambda t, c=call, o=order: c(t) / (1 if o == -1 else t), T)
    for name, args in FITTING.items():
        f, jac = getattr(dippr, name), getattr(dippr, f"{name}_fitting_jacobian")
        yield jacobian(f"{name}_fitting_jacobian", lambda p, f=f: np.array([f(t, *p) for t in T]),
                       np.array(args), lambda p, j=jac: np.asarray(j(T, *p)), method="richardson")
    for name in ("BVirial_Pitzer_Curl", "BVirial_Abbott", "BVirial_Tsonopoulos",
                 "BVirial_Tsonopoulos_extended"):
        f, more = getattr(vi, name), ()
        call = lambda t, n, f=f, m=more: f(t, *WATER, *m, order=n)
        yield from chain(name, [lambda t, n=n, c=call: c(t, n) for n in (0, 1, 2, 3)])
        yield numbers(f"{name}.integral", lambda t, c=call: c(t, -1), lambda t, c=call: c(t, 0), T)
        yield numbers(f"{name}.second_integral", lambda t, c=call: c(t, -2),
                      lambda t, c=call: c(t, -1), T)
    for name in ("BVirial_Xiang", "BVirial_Meng", "BVirial_Oconnell_Prausnitz",
                 "CVirial_Orbey_Vera", "CVirial_Liu_Xiang"):
        f = getattr(vi, f"{name}_vec", None) or getattr(vi, name)
        more = {"BVirial_Xiang": (647.096, 22.064e6, 5.6e-5, .344),
                "BVirial_Meng": (647.096, 22.064e6, 5.6e-5, .344, 0.),
                "CVirial_Orbey_Vera": (647.096, 22.064e6, .344),
                "CVirial_Liu_Xiang": (647.096, 22.064e6, 5.6e-5, .344)}.get(
                    name, (647.096, 22.064e6, .344))
        single = getattr(vi, name)
        try:
            if not isinstance(single(T[0], *more), tuple):
                continue
        except Exception:
            continue
        yield from chain(name, [lambda t, n=n, f=single, m=more: f(t, *m)[n] for n in range(4)])
    ideal = {"Yaws": ("mu_Yaws", "dmu_Yaws_dT", (-6.4406, 1117.6, .0137, -.0000154)),
             "PPDS9": ("PPDS9", "dPPDS9_dT", (1.74793, 1.33728, 482.347, 41.78, 9.963e-5))}
    import chemicals.viscosity as mu
    for name, (f, df, args) in ideal.items():
        yield numbers(f"viscosity.{name}", lambda t, f=getattr(mu, f), a=args: f(t, *a),
                      lambda t, d=getattr(mu, df), a=args: np.ravel(d(t, *a))[0], T)


WHY = {}
