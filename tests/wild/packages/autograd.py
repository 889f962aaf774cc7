"""autograd: the vector-Jacobian products of its NumPy and SciPy, each written by hand."""
import autograd.numpy as anp
import autograd.numpy.linalg as la
import autograd.scipy.special as asp
import autograd.scipy.stats as st
import numpy as np
from autograd import grad, make_vjp
from case import Case, rng

PINS = "autograd==1.9.1 scipy==1.16.3 numpy==2.4.6"


def vjp(name, f, x, right=None, **options):
    """The check of one function of one array."""
    x = np.asarray(x, float)
    c = rng(name).normal(size=np.shape(f(x))) + 2
    back = lambda x, c: np.asarray(make_vjp(f)(np.array(x))[0](np.array(c)))
    if np.ndim(c) == 0:
        return Case(name, f, x, lambda x: back(x, np.float64(1.0)), right,
                    {"method": "richardson", **options})
    return Case(name, f, x, back, right, {"cotangent": c, "method": "richardson", **options})


UNARY = """exp expm1 exp2 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh
arcsinh arctanh sqrt square reciprocal negative fabs deg2rad rad2deg sinc""".split()
BINARY = """add subtract multiply divide power arctan2 hypot logaddexp logaddexp2 maximum
minimum""".split()
REDUCE = "sum mean prod var std max min cumsum ravel diag tril triu".split()
SPECIAL = """gammaln gamma digamma psi expit logit erf erfc erfinv erfcinv j0 j1 y0 y1 i0 i1
log_ndtr""".split()


def linear_algebra(r, k):
    A = r.normal(size=(4, 4)) + 3 * np.eye(4)
    S, B = A @ A.T, r.normal(size=(4, 2))
    calls = {"inv": (la.inv, A), "det": (la.det, A), "slogdet": (lambda a: la.slogdet(a)[1], A),
             "pinv": (la.pinv, r.normal(size=(4, 3))), "solve.a": (lambda a: la.solve(a, B), A),
             "solve.b": (lambda b: la.solve(A, b), B), "norm": (la.norm, B),
             "norm.nuc": (lambda a: la.norm(a, "nuc"), B),
             "cholesky": (la.cholesky, S),
             "cholesky.sym": (lambda a: la.cholesky((a + a.T) / 2), S),
             "eigh.w": (lambda a: la.eigh((a + a.T) / 2)[0], S),
             "eigh.v": (lambda a: la.eigh((a + a.T) / 2)[1] ** 2, S),
             "svd.s": (lambda a: la.svd(a, full_matrices=False)[1], r.normal(size=(4, 3))),
             "qr?": (lambda a: anp.dot(a.T, a), B)}
    for name, (f, x) in calls.items():
        yield vjp(f"linalg.{name}[{k}]", f, x)
    calls = {"dot": lambda a: anp.dot(a, B), "matmul": lambda a: anp.matmul(a, B),
             "tensordot": lambda a: anp.tensordot(a, B, ([0], [0])),
             "einsum": lambda a: anp.einsum("ij,jk->ki", a, B), "kron": lambda a: anp.kron(a, B),
             "outer": lambda a: anp.outer(a[0], B[:, 0]), "inner": lambda a: anp.inner(a, A),
             "trace": anp.trace, "transpose": anp.transpose,
             "rollaxis": lambda a: anp.rollaxis(a, 1), "pad": lambda a: anp.pad(a, 1, "constant"),
             "roll": lambda a: anp.roll(a, 1), "repeat": lambda a: anp.repeat(a, 2, 1),
             "tile": lambda a: anp.tile(a, 2), "concatenate": lambda a: anp.concatenate([a, a]),
             "stack": lambda a: anp.stack([a, 2 * a]), "where": lambda a: anp.where(A > 0, a, 0.),
             "split": lambda a: anp.split(a, 2)[1], "fft": lambda a: anp.real(anp.fft.fft(a)),
             "rfft": lambda a: anp.real(anp.fft.rfft(a)),
             "ifft2": lambda a: anp.imag(anp.fft.ifft2(a)),
             "sort": lambda a: anp.sort(a.ravel()),
             "partition": lambda a: anp.partition(a.ravel(), 2),
             "clip": lambda a: anp.clip(a, -1., 2.),
             "gradient": lambda a: anp.gradient(a)[0], "diff": anp.diff,
             "cross": lambda a: anp.cross(a[:, :3], A[:, :3]), "flipud": anp.flipud,
             "median?": lambda a: anp.sort(a.ravel())[7], "linspace": lambda a: anp.linspace(
                 a[0, 0], a[1, 1], 5)}
    for name, f in calls.items():
        right = (lambda a, c: c[:, :4] + c[:, 4:]) if name == "tile" else None
        yield vjp(f"{name}[{k}]", f, A, right)


def distributions(r, k):
    x, m, s = r.uniform(.2, .8, 4), r.uniform(.5, 1.5, 4), r.uniform(.7, 1.4, 4)
    S = np.cov(r.normal(size=(3, 9))) + np.eye(3)
    v = r.normal(size=3)
    calls = {
        "norm.pdf.x": (lambda t: st.norm.pdf(t, m, s), x),
        "norm.pdf.loc": (lambda t: st.norm.pdf(x, t, s), m),
        "norm.pdf.scale": (lambda t: st.norm.pdf(x, m, t), s),
        "norm.cdf.x": (lambda t: st.norm.cdf(t, m, s), x),
        "norm.cdf.scale": (lambda t: st.norm.cdf(x, m, t), s),
        "norm.logpdf.scale": (lambda t: st.norm.logpdf(x, m, t), s),
        "norm.logcdf.x": (lambda t: st.norm.logcdf(t, m, s), x),
        "norm.logcdf.scale": (lambda t: st.norm.logcdf(x, m, t), s),
        "norm.sf.scale": (lambda t: st.norm.sf(x, m, t), s),
        "norm.logsf.loc": (lambda t: st.norm.logsf(x, t, s), m),
        "gamma.pdf": (lambda t: st.gamma.pdf(t, m), x), "gamma.cdf": (
            lambda t: st.gamma.cdf(t, m), x),
        "gamma.logpdf.a": (lambda t: st.gamma.logpdf(x, t), m),
        "beta.pdf.x": (lambda t: st.beta.pdf(t, m, s), x),
        "beta.cdf.x": (lambda t: st.beta.cdf(t, m, s), x),
        "beta.logpdf.a": (lambda t: st.beta.logpdf(x, t, s), m),
        "beta.logpdf.b": (lambda t: st.beta.logpdf(x, m, t), s),
        "chi2.pdf": (lambda t: st.chi2.pdf(t, m), x), "chi2.logpdf": (
            lambda t: st.chi2.logpdf(t, m), x), "chi2.cdf": (lambda t: st.chi2.cdf(t, m), x),
        "chi2.integer.pdf": (lambda t: st.chi2.pdf(t, 3.0), x),
        "t.pdf.x": (lambda t: st.t.pdf(t, m + 2, .3, s), x),
        "t.pdf.df": (lambda t: st.t.pdf(x, t, .3, s), m + 2),
        "t.pdf.scale": (lambda t: st.t.pdf(x, m + 2, .3, t), s),
        "t.cdf.x": (lambda t: st.t.cdf(t, m + 2, .3, s), x),
        "t.logpdf.df": (lambda t: st.t.logpdf(x, t, .3, s), m + 2),
        "t.logcdf.loc": (lambda t: st.t.logcdf(x, m + 2, t, s), m),
        "poisson.pmf.mu": (lambda t: st.poisson.pmf(np.arange(4), t), m),
        "poisson.logpmf.mu": (lambda t: st.poisson.logpmf(np.arange(4), t), m),
        "poisson.cdf.mu": (lambda t: st.poisson.cdf(np.arange(4), t), m),
        "dirichlet.logpdf.alpha": (lambda t: st.dirichlet.logpdf(
            np.array([.2, .3, .5]), t), np.array([1.2, .8, 2.])),
        "multivariate_normal.logpdf.x": (lambda t: st.multivariate_normal.logpdf(t, v, S), v + .3),
        "multivariate_normal.logpdf.mean": (
            lambda t: st.multivariate_normal.logpdf(v + .3, t, S), v),
        "multivariate_normal.logpdf.cov": (
            lambda t: st.multivariate_normal.logpdf(v + .3, v, t), S),
        "multivariate_normal.pdf.cov": (lambda t: st.multivariate_normal.pdf(v + .3, v, t), S),
        "multivariate_normal.entropy.cov": (
            lambda t: st.multivariate_normal.entropy(v, t), S),
    }
    right = {"chi2.logpdf": lambda t, c: c * ((m / 2 - 1) / t - 1 / 2),
             "chi2.pdf": lambda t, c: c * st.chi2.pdf(t, m) * ((m / 2 - 1) / t - 1 / 2)}
    for name, (f, at) in calls.items():
        yield vjp(f"stats.{name}[{k}]", f, at, right.get(name))
    from autograd.scipy.special import logsumexp
    from autograd.scipy.signal import convolve
    yield vjp(f"logsumexp[{k}]", lambda t: logsumexp(t, axis=1), r.normal(size=(3, 4)))
    yield vjp(f"convolve[{k}]", lambda t: convolve(t, S), r.normal(size=(4, 5)))
    for name, g in (("jn", asp.jn), ("yn", asp.yn), ("polygamma", asp.polygamma)):
        yield vjp(f"special.{name}[{k}]", lambda t, g=g: g(2, t), s)
    yield vjp(f"special.betaln[{k}]", lambda t: asp.betaln(t, m), s)
    yield vjp(f"special.beta[{k}]", lambda t: asp.beta(t, m), s)
    yield vjp(f"special.gammainc[{k}]", lambda t: asp.gammainc(m, t), s)
    yield vjp(f"special.gammaincc[{k}]", lambda t: asp.gammaincc(m, t), s)
    yield vjp(f"special.betainc[{k}]", lambda t: asp.betainc(m, s, t), x)


def checks():
    for k in range(2):
        r = rng(f"autograd{k}")
        for name in UNARY:
            x = r.uniform(.1, .9, 5)
            yield vjp(f"{name}[{k}]", getattr(anp, name), x)
            if k == 0:
                yield vjp(f"{name}.second", grad(lambda t, g=getattr(anp, name): anp.sum(g(t))), x)
        for name in BINARY:
            g, a, b = getattr(anp, name), r.uniform(.3, 2, (3, 1)), r.uniform(.3, 2, (1, 4))
            yield vjp(f"{name}.0[{k}]", lambda t, g=g, b=b: g(t, b), a)
            yield vjp(f"{name}.1[{k}]", lambda t, g=g, a=a: g(a, t), b)
        for name in REDUCE:
            yield vjp(f"{name}[{k}]", getattr(anp, name), r.normal(size=(3, 3)))
            if name in ("sum", "mean", "prod", "var", "std", "max", "min", "cumsum"):
                yield vjp(f"{name}.axis[{k}]", lambda t, g=getattr(anp, name): g(t, axis=0),
                          r.normal(size=(3, 4)))
        for name in SPECIAL:
            if hasattr(asp, name):
                yield vjp(f"special.{name}[{k}]", getattr(asp, name), r.uniform(.2, .8, 4))
        yield from linear_algebra(r, k)
        yield from distributions(r, k)


TRIANGLE = ("design", "one triangle is read, the gradient is symmetrised: F((A + A')/2) passes")
WHY = {"linalg.cholesky[[]*": TRIANGLE, "stats.multivariate_normal.*cov*": TRIANGLE,
       "tile[[]*": ("mistake", "repetitions are undone along the first axes, not the last ones"),
       "stats.chi2.*pdf[[]*": ("mistake", "zero where the degrees of freedom are no integer")}
