"""CoolProp: first and second partial derivatives of states of fluids."""
import CoolProp.CoolProp as CP
import numpy as np
from case import numbers

PINS = "CoolProp==8.0.0 numpy==2.4.6"
FLUIDS = {"Water": (700., 300.), "CO2": (330., 250.), "Nitrogen": (180., 120.),
          "R134a": (400., 200.), "Methane": (240., 90.), "Ammonia": (430., 150.)}
OF = {"P": CP.iP, "Hmass": CP.iHmass, "Smass": CP.iSmass, "Umass": CP.iUmass}


def state(fluid, rho, T):
    s = CP.AbstractState("HEOS", fluid)
    s.update(CP.DmassT_INPUTS, rho, T)
    return s


def checks():
    for fluid, (T, rho) in FLUIDS.items():
        for name, of in OF.items():
            for by, const, at, make in (
                    (CP.iT, CP.iDmass, T, lambda x, f=fluid, r=rho: state(f, r, x)),
                    (CP.iDmass, CP.iT, rho, lambda x, f=fluid, t=T: state(f, x, t))):
                label = "T" if by == CP.iT else "D"
                xs = np.array([at, at * 1.07])
                yield numbers(f"{fluid}.d{name}_d{label}",
                              lambda x, m=make, o=of: m(x).keyed_output(o),
                              lambda x, m=make, o=of, b=by, c=const: m(x).first_partial_deriv(
                                  o, b, c), xs)
                yield numbers(f"{fluid}.d2{name}_d{label}2",
                              lambda x, m=make, o=of, b=by, c=const: m(x).first_partial_deriv(
                                  o, b, c),
                              lambda x, m=make, o=of, b=by, c=const: m(x).second_partial_deriv(
                                  o, b, c, b, c), xs)
        for a, b in (("alphar", "dalphar_dDelta"), ("dalphar_dDelta", "d2alphar_dDelta2"),
                     ("d2alphar_dDelta2", "d3alphar_dDelta3"),
                     ("alpha0", "dalpha0_dDelta"), ("dalphar_dTau", "d2alphar_dDelta_dTau")):
            c = state(fluid, rho, T).rhomass_reducing()
            yield numbers(f"{fluid}.{b}", lambda d, a=a, f=fluid, c=c, t=T: getattr(
                state(f, d * c, t), a)(), lambda d, b=b, f=fluid, c=c, t=T: getattr(
                    state(f, d * c, t), b)(), np.array([.6, .9]))


WHY = {}
