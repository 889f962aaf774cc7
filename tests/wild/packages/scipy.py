"""SciPy: derivatives of special functions, splines, test functions and the models of odr."""
import numpy as np
import scipy.interpolate as si
import scipy.optimize as so
import scipy.special as sp
from case import elementwise, jacobian, numbers, rng, scalar

PINS = "scipy==1.16.3 numpy==2.4.6"
POINTS = (np.array([0.37, 0.82, 1.9, 3.3]), np.array([0.11, 1.3, 4.7, 9.2]))


def bessel():
    for k, x in enumerate(POINTS):
        for v in (0, 1, 2.5):
            for f, df in ((sp.jv, sp.jvp), (sp.yv, sp.yvp), (sp.iv, sp.ivp), (sp.kv, sp.kvp)):
                yield elementwise(f"{df.__name__}({v})[{k}]", lambda x, f=f, v=v: f(v, x),
                                  lambda x, d=df, v=v: d(v, x), x)
                yield elementwise(f"{df.__name__}({v}, n=2)[{k}]",
                                  lambda x, d=df, v=v: d(v, x),
                                  lambda x, d=df, v=v: d(v, x, 2), x)
        for f in (sp.spherical_jn, sp.spherical_yn, sp.spherical_in, sp.spherical_kn):
            for n in (0, 3):
                yield elementwise(f"{f.__name__}({n})[{k}]", lambda x, f=f, n=n: f(n, x),
                                  lambda x, f=f, n=n: f(n, x, derivative=True), x)
        for i, name in ((0, "Ai"), (2, "Bi")):
            yield elementwise(f"airy.{name}[{k}]", lambda x, i=i: sp.airy(x)[i],
                              lambda x, i=i: sp.airy(x)[i + 1], x)
        for f, df in ((sp.ber, sp.berp), (sp.bei, sp.beip), (sp.ker, sp.kerp),
                      (sp.kei, sp.keip)):
            yield elementwise(f"{df.__name__}[{k}]", f, df, x, method="richardson")


def elementary():
    for k, x in enumerate((np.linspace(0.05, 0.95, 7), np.array([0.21, 0.48, 0.66]))):
        pairs = {
            "gammaln/digamma": (sp.gammaln, sp.digamma),
            "digamma/polygamma1": (sp.digamma, lambda x: sp.polygamma(1, x)),
            "polygamma1/2": (lambda x: sp.polygamma(1, x), lambda x: sp.polygamma(2, x)),
            "erf": (sp.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x)),
            "erfinv": (sp.erfinv, lambda x: np.sqrt(np.pi) / 2 * np.exp(sp.erfinv(x) ** 2)),
            "expit": (sp.expit, lambda x: sp.expit(x) * sp.expit(-x)),
            "logit": (sp.logit, lambda x: 1 / (x * (1 - x))),
            "ndtri": (sp.ndtri, lambda x: np.sqrt(2 * np.pi) * np.exp(sp.ndtri(x) ** 2 / 2)),
            "entr": (sp.entr, lambda x: -np.log(x) - 1),
            "exp1": (sp.exp1, lambda x: -np.exp(-x) / x),
            "expi": (sp.expi, lambda x: np.exp(x) / x),
            "spence": (sp.spence, lambda x: np.log(x) / (1 - x)),
            "ellipk": (sp.ellipk, lambda m: (sp.ellipe(m) / (1 - m) - sp.ellipk(m)) / (2 * m)),
            "ellipe": (sp.ellipe, lambda m: (sp.ellipe(m) - sp.ellipk(m)) / (2 * m)),
            "dawsn": (sp.dawsn, lambda x: 1 - 2 * x * sp.dawsn(x)),
            "sici.si": (lambda x: sp.sici(x)[0], lambda x: np.sin(x) / x),
            "lambertw": (lambda x: sp.lambertw(x).real, lambda x: 1 / (
                np.exp(sp.lambertw(x).real) * (1 + sp.lambertw(x).real))),
            "hyp2f1": (lambda x: sp.hyp2f1(1.3, .7, 2.4, x),
                       lambda x: 1.3 * .7 / 2.4 * sp.hyp2f1(2.3, 1.7, 3.4, x)),
            "hyp1f1": (lambda x: sp.hyp1f1(1.3, 2.4, x),
                       lambda x: 1.3 / 2.4 * sp.hyp1f1(2.3, 3.4, x)),
            "gammainc": (lambda x: sp.gammainc(1.7, x),
                         lambda x: x ** 0.7 * np.exp(-x) / sp.gamma(1.7)),
            "betainc": (lambda x: sp.betainc(1.7, 2.2, x),
                        lambda x: x ** .7 * (1 - x) ** 1.2 / sp.beta(1.7, 2.2)),
            "itairy": (lambda x: sp.itairy(x)[0], lambda x: sp.airy(x)[0]),
            "it2j0y0": (lambda x: sp.it2j0y0(x)[0], lambda x: (1 - sp.j0(x)) / x),
            "itj0y0": (lambda x: sp.itj0y0(x)[0], sp.j0),
            "iti0k0": (lambda x: sp.iti0k0(x)[0], sp.i0),
            "fresnel": (lambda x: sp.fresnel(x)[0], lambda x: np.sin(np.pi * x * x / 2)),
            "log_ndtr": (sp.log_ndtr, lambda x: np.exp(-x * x / 2 - sp.log_ndtr(x))
                         / np.sqrt(2 * np.pi)),
            "huber": (lambda x: sp.huber(.5, x), lambda x: np.clip(x, -.5, .5)),
            "pseudo_huber": (lambda x: sp.pseudo_huber(.5, x),
                             lambda x: x / np.sqrt(1 + 4 * x * x)),
            "boxcox": (lambda x: sp.boxcox(x, .3), lambda x: x ** -.7),
            "xlogy": (lambda x: sp.xlogy(x, x), lambda x: 1 + np.log(x)),
            "kl_div": (lambda x: sp.kl_div(x, .4), lambda x: np.log(x / .4)),
            "rel_entr": (lambda x: sp.rel_entr(x, .4), lambda x: 1 + np.log(x / .4)),
            "struve": (lambda x: sp.struve(0, x), lambda x: 2 / np.pi - sp.struve(1, x)),
            "modstruve": (lambda x: sp.modstruve(0, x),
                          lambda x: 2 / np.pi + sp.modstruve(1, x)),
        }
        for name, (f, df) in pairs.items():
            yield elementwise(f"{name}[{k}]", f, df, x)


def pairs_of_one_call():
    """Functions that answer a value and its derivative."""
    for k, x in enumerate((np.array([.3, .9, 1.4]), np.array([.15, .7, 2.2]))):
        calls = {
            "pbdv": lambda x: sp.pbdv(1.5, x), "pbvv": lambda x: sp.pbvv(1.5, x),
            "pbwa": lambda x: sp.pbwa(1.5, x),
            "obl_ang1": lambda x: sp.obl_ang1(0, 2, .7, x / 3),
            "pro_ang1": lambda x: sp.pro_ang1(0, 2, .7, x / 3),
            "obl_rad1": lambda x: sp.obl_rad1(0, 2, .7, x),
            "pro_rad1": lambda x: sp.pro_rad1(0, 2, .7, 1.1 + x),
            "mathieu_cem": lambda x: sp.mathieu_cem(2, 1.5, 40 * x),
            "mathieu_sem": lambda x: sp.mathieu_sem(2, 1.5, 40 * x),
            "mathieu_modcem1": lambda x: sp.mathieu_modcem1(2, 1.5, x),
            "mathieu_modsem1": lambda x: sp.mathieu_modsem1(2, 1.5, x),
            "mathieu_modcem2": lambda x: sp.mathieu_modcem2(2, 1.5, x),
            "mathieu_modsem2": lambda x: sp.mathieu_modsem2(2, 1.5, x),
        }
        inner = {"obl_ang1": 1 / 3, "pro_ang1": 1 / 3, "mathieu_cem": 40., "mathieu_sem": 40.}
        for name, call in calls.items():
            scale, right = inner.get(name, 1.0), None
            if name in ("mathieu_cem", "mathieu_sem"):
                right = lambda x, c=call: 40 * np.pi / 180 * c(x)[1]
            yield elementwise(f"{name}[{k}]", lambda x, c=call: c(x)[0],
                              lambda x, c=call, s=scale: s * c(x)[1], x, right,
                              method="richardson")
        yield numbers(f"lqn[{k}]", lambda x: sp.lqn(3, x)[0][3], lambda x: sp.lqn(3, x)[1][3],
                      x / 3)
        yield numbers(f"legendre_p[{k}]", lambda x: sp.legendre_p(4, x).item(),
                      lambda x: sp.legendre_p(4, x, diff_n=1)[1].item(), x / 3)
        yield numbers(f"assoc_legendre_p[{k}]", lambda x: sp.assoc_legendre_p(4, 2, x).item(),
                      lambda x: sp.assoc_legendre_p(4, 2, x, diff_n=1)[1].item(), x / 3)


def splines():
    for seed in range(3):
        r = np.random.default_rng(seed)
        x = np.sort(r.uniform(0, 10, 12))
        y, at = r.normal(size=12), r.uniform(x[1], x[-2], size=8)
        curves = {"CubicSpline": si.CubicSpline(x, y), "Pchip": si.PchipInterpolator(x, y),
                  "Akima": si.Akima1DInterpolator(x, y),
                  "BSpline5": si.make_interp_spline(x, y, k=5),
                  "UnivariateSpline": si.UnivariateSpline(x, y, s=0),
                  "PPoly": si.PPoly(r.normal(size=(4, 11)), x),
                  "BPoly": si.BPoly(r.normal(size=(4, 11)), x)}
        for name, curve in curves.items():
            for n in (1, 2):
                f = curve if n == 1 else curve.derivative(n - 1)
                yield elementwise(f"{name}.derivative({n})[{seed}]", f, curve.derivative(n), at,
                                  method="richardson")
            primitive = curve.antiderivative()
            yield elementwise(f"{name}.antiderivative[{seed}]", primitive, curve, at,
                              method="richardson")
        k = si.KroghInterpolator(x[:5], y[:5])
        b = si.BarycentricInterpolator(x[:5], y[:5])
        for name, f in (("Krogh", k), ("Barycentric", b)):
            yield elementwise(f"{name}.derivative[{seed}]", f, lambda x, f=f: f.derivative(x),
                              at / 3)
        surface = si.RectBivariateSpline(x, x, r.normal(size=(12, 12)))
        yield elementwise(f"RectBivariateSpline.dx[{seed}]",
                          lambda u, s=surface, v=at[::-1]: s.ev(u, v),
                          lambda u, s=surface, v=at[::-1]: s.ev(u, v, dx=1), at,
                          method="richardson")
        nd = si.NdBSpline((np.r_[[0.] * 4, 3, 6, [10.] * 4],) * 2, r.normal(size=(6, 6)), 3)
        yield elementwise(f"NdBSpline.dx[{seed}]", lambda u, s=nd, v=at: s(np.c_[u, v]),
                          lambda u, s=nd, v=at: s(np.c_[u, v], nu=(1, 0)), at[::-1].copy(),
                          method="richardson")


def optimisers():
    import scipy.odr as odr
    for seed in range(4):
        x = rng(f"rosen{seed}").normal(size=5)
        yield scalar(f"rosen_der[{seed}]", so.rosen, x, so.rosen_der)
        yield jacobian(f"rosen_hess[{seed}]", so.rosen_der, x, so.rosen_hess)
        v = rng(f"v{seed}").normal(size=5)
        yield scalar(f"rosen_hess_prod[{seed}]", lambda x, v=v: float(so.rosen_der(x) @ v), x,
                     lambda x, v=v: so.rosen_hess_prod(x, v))
        at = np.linspace(.3, 2, 6)
        for name, model, n in (("exponential", odr.exponential, 2), ("line", odr.unilinear, 2),
                               ("quadratic", odr.quadratic, 3), ("cubic", odr.polynomial(3), 4),
                               ("multilinear", odr.multilinear, 2)):
            p = rng(f"odr{seed}").uniform(.3, 1, size=n)
            more = model.extra_args or ()
            yield jacobian(f"odr.{name}.fjacb[{seed}]", lambda q, m=model, a=more: m.fcn(q, at, *a),
                           p, lambda q, m=model, a=more: np.reshape(m.fjacb(q, at, *a),
                                                                    (len(q), -1)).T)
            yield elementwise(f"odr.{name}.fjacd[{seed}]",
                              lambda x, m=model, p=p, a=more: m.fcn(p, x, *a),
                              lambda x, m=model, p=p, a=more: np.ravel(m.fjacd(p, x, *a))
                              * np.ones(6), at)


def checks():
    yield from bessel()
    yield from elementary()
    yield from pairs_of_one_call()
    yield from splines()
    yield from optimisers()


WHY = {
    "mathieu_?em*": ("mistake", "x is in degrees, the derivative per radian"),
    "itairy*": ("approximation", "the integral is right to 2e-5 at some points"),
    "ber[p]*": ("approximation", "series to 1e-10"),
    "beip*": ("approximation", "series to 1e-11"),
}
