"""py_vollib: analytical Greeks of three models, in the units that their pages state."""
import numpy as np
from case import numbers
from py_vollib import black, black_scholes, black_scholes_merton
from py_vollib.black.greeks import analytical as black_greeks
from py_vollib.black_scholes.greeks import analytical as bs_greeks
from py_vollib.black_scholes_merton.greeks import analytical as bsm_greeks

PINS = "py_vollib==1.0.12 numpy==2.4.6"
POINTS = ({"S": 49., "K": 50., "t": .3846, "r": .05, "sigma": .2, "q": .02},
          {"S": 110., "K": 95., "t": 1.2, "r": .02, "sigma": .35, "q": .01})
# per one per cent of volatility and rate, per calendar day
GREEKS = {"delta": ("S", 1.), "vega": ("sigma", 100.), "rho": ("r", 100.), "theta": ("t", -365.)}


def checks():
    for k, point in enumerate(POINTS):
        for name, price, greeks, names in (
                ("black", black.black, black_greeks, "SKtrsigma"),
                ("black_scholes", black_scholes.black_scholes, bs_greeks, ""),
                ("black_scholes_merton", black_scholes_merton.black_scholes_merton, bsm_greeks,
                 "q")):
            order = ["S", "K", "t", "r", "sigma"] + (["q"] if names == "q" else [])
            for flag in "cp":
                for greek, (by, scale) in GREEKS.items():
                    def call(of, x, flag=flag, by=by, order=order, point=point, name=name):
                        p = {**point, by: x}
                        args = [p[n] for n in order]
                        if name == "black" and of is black.black:
                            args = [p["S"], p["K"], p["t"], p["r"], p["sigma"]]
                        return float(of(flag, *args))
                    yield numbers(f"{name}.{flag}.{greek}[{k}]", lambda x, c=call, f=price: c(f, x),
                                  lambda x, c=call, g=getattr(greeks, greek), s=scale: s * c(g, x),
                                  np.array([point[by], point[by] * 1.03]))
                yield numbers(f"{name}.{flag}.gamma[{k}]",
                              lambda x, c=call, g=greeks.delta, p=point: float(
                                  g(flag, *[{**p, "S": x}[n] for n in order])),
                              lambda x, c=call, g=greeks.gamma, p=point: float(
                                  g(flag, *[{**p, "S": x}[n] for n in order])),
                              np.array([point["S"]]))


WHY = {}
