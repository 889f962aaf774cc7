"""thermo: derivatives of cubic equations of state and of activity models."""
import numpy as np
import thermo.eos as eos
from case import jacobian, numbers
from thermo import NRTL, UNIQUAC, Wilson
from thermo.regular_solution import RegularSolution

PINS = "thermo==0.6.1 numpy==2.4.6"
HEXANE = {"Tc": 507.6, "Pc": 3025000.0, "omega": 0.2975}
MORE = {"PRSV": {"kappa1": .05104}, "PRSV2": {"kappa1": .05104, "kappa2": .8634, "kappa3": .46},
        "APISRK": {"S1": 1.6, "S2": -.3}, "TWUPR": {}, "TWUSRK": {}}
KINDS = "PR PR78 PRSV PRSV2 VDW RK SRK APISRK TWUPR TWUSRK".split()
# derivative: of which attribute, along T or P, both of the gas
FIRST = {"dV_dT_g": ("V_g", "T"), "dV_dP_g": ("V_g", "P"), "dH_dep_dT_g": ("H_dep_g", "T"),
         "dH_dep_dP_g": ("H_dep_g", "P"), "dS_dep_dT_g": ("S_dep_g", "T"),
         "dS_dep_dP_g": ("S_dep_g", "P"), "Cp_dep_g": ("H_dep_g", "T"),
         "d2V_dT2_g": ("dV_dT_g", "T"), "d2V_dP2_g": ("dV_dP_g", "P"),
         "d2V_dTdP_g": ("dV_dT_g", "P"), "da_alpha_dT": ("a_alpha", "T"),
         "d2a_alpha_dT2": ("da_alpha_dT", "T"), "dfugacity_dT_g": ("fugacity_g", "T"),
         "dfugacity_dP_g": ("fugacity_g", "P"), "dphi_dT_g": ("phi_g", "T"),
         "dphi_dP_g": ("phi_g", "P"), "dbeta_dT_g": ("beta_g", "T"), "dbeta_dP_g": ("beta_g", "P")}


def states(kind):
    def at(x, axis):
        point = {"T": 470., "P": 6e5, axis: x}
        return kind(**point, **HEXANE, **MORE.get(kind.__name__, {}))
    return at


def equations():
    for name in KINDS:
        kind = getattr(eos, name)
        at = states(kind)
        try:
            made = at(470., "T")
        except Exception:
            continue
        for slope, (of, axis) in FIRST.items():
            if not all(hasattr(made, n) for n in (slope, of)):
                continue
            xs = np.array([455., 490.]) if axis == "T" else np.array([5e5, 7e5])
            yield numbers(f"{name}.{slope}", lambda x, a=at, o=of, t=axis: getattr(a(x, t), o),
                          lambda x, a=at, s=slope, t=axis: getattr(a(x, t), s), xs)
        for slope, of, sign in (("dPsat_dT", "Psat", 1), ("dH_dep_dT_sat_g", "H_dep_sat_g", 1)):
            if of == "Psat":
                yield numbers(f"{name}.dPsat_dT", lambda x, m=made: m.Psat(x),
                              lambda x, m=made: m.dPsat_dT(x), np.array([420., 460.]))


def activity():
    x = np.array([.25, .35, .4])
    tau_b = [[0., 120., -80.], [60., 0., 210.], [150., -40., 0.]]
    alpha = [[0., .3, .25], [.3, 0., .2], [.25, .2, 0.]]
    zero = [[0.] * 3 for _ in range(3)]
    yield "NRTL", lambda T, xs: NRTL(T=T, xs=xs, tau_bs=tau_b, alpha_cs=alpha), x
    yield "Wilson", lambda T, xs: Wilson(T=T, xs=xs, lambda_bs=tau_b, lambda_as=zero), x
    yield "UNIQUAC", lambda T, xs: UNIQUAC(T=T, xs=xs, rs=[2.1, .92, 3.2], qs=[1.9, 1.4, 2.4],
                                           tau_bs=tau_b), x
    yield "RegularSolution", lambda T, xs: RegularSolution(
        T=T, xs=xs, Vs=[8.9e-5, 6.3e-5, 1.1e-4], SPs=[1.9e4, 1.6e4, 2.1e4]), x


def checks():
    yield from equations()
    for name, make, x in activity():
        call = lambda m, method: getattr(m, method)()
        temp = np.array([305., 350.])
        for slope, of in (("dGE_dT", "GE"), ("d2GE_dT2", "dGE_dT"), ("d3GE_dT3", "d2GE_dT2"),
                          ("dHE_dT", "HE"), ("dSE_dT", "SE")):
            yield numbers(f"{name}.{slope}", lambda t, o=of, k=make: call(k(t, x.tolist()), o),
                          lambda t, s=slope, k=make: call(k(t, x.tolist()), s), temp)
        for slope, of in (("dGE_dxs", "GE"), ("d2GE_dxixjs", "dGE_dxs"), ("d2GE_dTdxs", "dGE_dT"),
                          ("d3GE_dxixjxks", "d2GE_dxixjs"), ("dHE_dxs", "HE"), ("dSE_dxs", "SE")):
            yield jacobian(f"{name}.{slope}",
                           lambda q, o=of, k=make: np.array(call(k(320., q.tolist()), o)), x,
                           lambda q, s=slope, k=make: np.array(call(k(320., q.tolist()), s)),
                           method="richardson")
        for slope, of in (("dgammas_dT", "gammas"), ("dlngammas_dT", "lngammas")):
            yield jacobian(f"{name}.{slope}",
                           lambda t, o=of, k=make: np.array(call(k(float(t[0]), x.tolist()), o)),
                           np.array([330.]), lambda t, s=slope, k=make: np.array(
                               call(k(float(t[0]), x.tolist()), s))[:, None], method="richardson")
        # by moles: the fractions are normalised first
        for slope, of in (("dGE_dns", "GE"), ("dnGE_dns", None), ("dgammas_dns", "gammas")):
            def value(n, k=make, o=of):
                m = k(320., (n / n.sum()).tolist())
                return np.array(n.sum() * m.GE() if o is None else call(m, o))
            yield jacobian(f"{name}.{slope}", value, x,
                           lambda n, s=slope, k=make: np.array(call(k(320., n.tolist()), s)),
                           method="richardson")


WHY = {}
