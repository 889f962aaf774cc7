"""blackscholes: the Greeks of its options, up to the third order."""
import blackscholes as bs
from case import Case

PINS = "blackscholes==0.2.2 numpy==2.4.6"
# Greek: derivative of which method, by which parameter, times what
GREEKS = {"delta": ("price", "S", 1), "dual_delta": ("price", "K", 1),
          "vega": ("price", "sigma", 1),
          "theta": ("price", "T", -1), "rho": ("price", "r", 1), "epsilon": ("price", "q", 1),
          "gamma": ("delta", "S", 1), "dual_gamma": ("dual_delta", "K", 1),
          "phi": ("dual_delta", "K", 1), "vanna": ("delta", "sigma", 1),
          "charm": ("delta", "T", -1), "vomma": ("vega", "sigma", 1), "veta": ("vega", "T", 1),
          "speed": ("gamma", "S", 1), "zomma": ("gamma", "sigma", 1), "color": ("gamma", "T", 1),
          "ultima": ("vomma", "sigma", 1)}
POINTS = ({"S": 55.0, "K": 50.0, "T": 1.0, "r": 0.0025, "sigma": 0.15, "q": 0.03},
          {"S": 90.0, "K": 100.0, "T": 0.4, "r": 0.05, "sigma": 0.3, "q": 0.01})
FORWARD = {"delta": ("price", "F", 1), "vega": ("price", "sigma", 1), "theta": ("price", "T", -1),
           "rho": ("price", "r", 1), "gamma": ("delta", "F", 1), "vanna": ("delta", "sigma", 1),
           "vomma": ("vega", "sigma", 1)}


def structures(point):
    s, rest = point["K"], {k: v for k, v in point.items() if k != "K"}
    strikes = {f"K{i + 1}": s + k for i, k in enumerate((-10, -5, 5, 10))}
    for name, many in (("BlackScholesStraddleLong", 1), ("BlackScholesStrangleLong", 2),
                       ("BlackScholesButterflyLong", 3), ("BlackScholesIronCondorLong", 4),
                       ("BlackScholesBullSpread", 2), ("BlackScholesCalendarCallSpread", 0)):
        if not hasattr(bs, name) or not many:
            continue
        own = {"K": s} if many == 1 else dict(list(strikes.items())[:many])
        if name == "BlackScholesButterflyLong":
            own = {"K1": s - 5, "K2": s, "K3": s + 5}
        yield name, getattr(bs, name), {**rest, **own}


def check(label, kind, point, greek, of, by, sign):
    value = lambda p: getattr(kind(**{**point, by: float(p[by])}), of)()
    slope = lambda p: {by: sign * getattr(kind(**{**point, by: float(p[by])}), greek)()}
    return Case(label, value, {by: point[by]}, slope, options={"method": "richardson"})


def checks():
    for k, point in enumerate(POINTS):
        kinds = [(n, getattr(bs, n), point) for n in ("BlackScholesCall", "BlackScholesPut")]
        for name, kind, at in kinds + list(structures(point)):
            for greek, (of, by, sign) in GREEKS.items():
                if name == "BlackScholesStraddleLong" and of == "dual_delta":
                    continue            # of a wrong function
                if name == "BlackScholesCall" and of == "dual_delta":
                    sign = -1           # dual_delta itself has the wrong sign
                if hasattr(kind, greek) and by in at:
                    yield check(f"{name}.{greek}[{k}]", kind, at, greek, of, by, sign)
        forward = {"F": point["S"], **{n: point[n] for n in ("K", "T", "r", "sigma")}}
        for name in ("Black76Call", "Black76Put"):
            for greek, (of, by, sign) in FORWARD.items():
                yield check(f"{name}.{greek}[{k}]", getattr(bs, name), forward, greek, of, by, sign)


WHY = {
    "BlackScholesCall.dual_delta*": (
        "mistake", "exp(-r T) N(d2) for -exp(-r T) N(d2): the price of a call falls with K"),
    "BlackScholesStraddleLong.dual_delta*": ("mistake", "inherits the sign of the call's"),
}
