"""GPy: gradients of kernels, likelihoods, mappings and priors, and those that models step by."""
import GPy
import numpy as np
from case import elementwise, rng, scalar

PINS = "GPy==1.15.0 numpy==2.4.6 scipy==1.17.1"
K, L, P = GPy.kern, GPy.likelihoods, GPy.priors
KERNELS = {
    "Bias": lambda: K.Bias(2, 1.3), "Linear": lambda: K.Linear(2, [.7, 1.4], ARD=True),
    "LinearFull": lambda: K.LinearFull(2, 1, np.array([[.4], [.7]]), np.array([.3, .5])),
    "RBF": lambda: K.RBF(2, 1.3, [.7, 1.4], ARD=True), "RBF.one": lambda: K.RBF(2, 1.3, .9),
    "Exponential": lambda: K.Exponential(2, 1.3, .9), "OU": lambda: K.OU(2, 1.3, .9),
    "Matern32": lambda: K.Matern32(2, 1.3, [.7, 1.4], ARD=True),
    "Matern52": lambda: K.Matern52(2, 1.3, [.7, 1.4], ARD=True),
    "ExpQuad": lambda: K.ExpQuad(2, 1.3, .9), "Cosine": lambda: K.Cosine(2, 1.3, .9),
    "ExpQuadCosine": lambda: K.ExpQuadCosine(2, 1.3, .9), "Sinc": lambda: K.Sinc(2, 1.3, .9),
    "RatQuad": lambda: K.RatQuad(2, 1.3, .9, 1.7), "MLP": lambda: K.MLP(2, 1.3, .6, .4),
    "MLP.ARD": lambda: K.MLP(2, 1.3, [.6, .8], .4, ARD=True),
    "Poly": lambda: K.Poly(2, 1.3, .8, 1.1, 3),
    "StdPeriodic": lambda: K.StdPeriodic(2, 1.3, 1.9, .9),
    "StdPeriodic.ARD": lambda: K.StdPeriodic(2, 1.3, [1.9, 2.2], [.9, .7], ARD1=True, ARD2=True),
    "White": lambda: K.White(2, .7), "Add": lambda: K.RBF(2, 1.3, .9) + K.Matern32(2, .7, 1.2),
    "Prod": lambda: K.RBF(2, 1.3, .9) * K.StdPeriodic(2, .7, 1.2, 1.1),
    "Brownian": lambda: K.Brownian(1, 1.3), "WienerVelocity": lambda: K.WienerVelocity(1, 1.3),
    "Spline": lambda: K.Spline(1, 1.3, .4), "LogisticBasis": lambda: K.LogisticBasisFuncKernel(
        1, [.4, .9], 1.3, 2.1), "Polynomial": lambda: K.PolynomialBasisFuncKernel(1, 2, 1.3),
    "PeriodicMatern32": lambda: K.PeriodicMatern32(1, 1.3, .9, 3.1, 5),
    "PeriodicMatern52": lambda: K.PeriodicMatern52(1, 1.3, .9, 3.1, 5),
    "PeriodicExponential": lambda: K.PeriodicExponential(1, 1.3, .9, 3.1, 5),
    "TruncLinear": lambda: K.TruncLinear(1, .7, .3), "Integral": lambda: K.Integral(1, 1.3, .9),
    "Coregionalize": lambda: K.Coregionalize(1, 3, 1, np.array([[.4], [.7], [-.3]]),
                                             np.array([.3, .5, .6])),
}
# of these the diagonal and the inputs have no gradient: NotImplementedError
SQUARE = ("Poly", "Brownian", "WienerVelocity", "Spline", "PeriodicMatern32", "PeriodicMatern52",
          "PeriodicExponential", "Integral")
LIKELIHOODS = {
    "Bernoulli": (lambda: L.Bernoulli(), [1., 0, 1, 0]),
    "Poisson": (lambda: L.Poisson(), [2., 0, 1, 4]),
    "Exponential": (lambda: L.Exponential(), [.4, 1.2, .3, 2.]),
    "Gamma": (lambda: L.Gamma(beta=1.4), [.4, 1.2, .3, 2.]),
    "Gaussian": (lambda: L.Gaussian(variance=.7), [.4, -1.2, .3, 2.]),
    "StudentT": (lambda: L.StudentT(deg_free=4., sigma2=.7), [.4, -1.2, .3, 2.]),
    "Weibull": (lambda: L.Weibull(beta=1.4), [.4, 1.2, .3, 2.]),
    "LogLogistic": (lambda: L.LogLogistic(r=1.4), [.4, 1.2, .3, 2.]),
    "Binomial": (lambda: L.Binomial(), [2., 0, 1, 3]),
}
PRIORS = {"Gaussian": P.Gaussian(.4, 1.3), "LogGaussian": P.LogGaussian(.4, 1.3),
          "Gamma": P.Gamma(2.3, 1.4), "InverseGamma": P.InverseGamma(2.3, 1.4),
          "Exponential": P.Exponential(1.3), "HalfT": P.HalfT(1.3, 4.),
          "StudentT": P.StudentT(.4, 1.3, 4.)}


def inputs(name, k, seed):
    r, kernel = rng(f"{name}{k}{seed}"), KERNELS[name]()
    if name == "Coregionalize":
        return np.array([[0.], [2], [1], [2], [0]])
    return r.uniform(.2, 2., size=(5, 1)) if kernel.input_dim == 1 else r.normal(size=(5, 2))


def kernel(name, seed):
    """By its parameters, for a rectangle, a square and the diagonal; and by the inputs."""
    make = KERNELS[name]
    n = 5 if name == "LogisticBasis" else 3         # of another number it raises
    x, z = inputs(name, 0, seed), inputs(name, 1, seed)[:n]
    w = rng(f"{name}{seed}").normal(size=(5, 5)) + 1
    v = w + w.T
    at = make().param_array.copy() * (1 + .2 * seed)

    def of(p):
        k = make()
        k[:] = p
        return k

    def parts(value, update):
        def slope(p):
            k = of(p)
            update(k)
            return k.gradient.copy()
        return (lambda p: float(value(of(p)))), slope
    options = {"method": "richardson"}
    for kind, value, update in (
            ("full", lambda k: np.sum(w[:, :n] * k.K(x, z)),
             lambda k: k.update_gradients_full(w[:, :n], x, z)),
            ("square", lambda k: np.sum(v * k.K(x)), lambda k: k.update_gradients_full(v, x)),
            ("diag", lambda k: w[0] @ k.Kdiag(x), lambda k: k.update_gradients_diag(w[0], x))):
        if name == "Integral" and kind == "full" or name in SQUARE and kind == "diag":
            continue
        f, g = parts(value, update)
        yield scalar(f"{name}.{kind}[{seed}]", f, at, g, **options)
    if name in SQUARE + ("Coregionalize", "White", "Bias", "LogisticBasis", "Polynomial"):
        return
    k = make()
    yield scalar(f"{name}.X[{seed}]", lambda x: float(np.sum(w[:, :3] * k.K(x, z))), x,
                 lambda x: k.gradients_X(w[:, :3], x, z), **options)
    yield scalar(f"{name}.X.square[{seed}]", lambda x: float(np.sum(v * k.K(x))), x,
                 lambda x: k.gradients_X(v, x), **options)
    yield scalar(f"{name}.X.diag[{seed}]", lambda x: float(w[0] @ k.Kdiag(x)), x,
                 lambda x: k.gradients_X_diag(w[0], x), **options)


def likelihood(name, seed):
    make, y = LIKELIHOODS[name]
    lik, y = make(), np.array(y)[:, None]
    meta = {"trials": np.full((4, 1), 4.)} if name == "Binomial" else None
    f = rng(f"{name}{seed}").normal(size=(4, 1)) * .7
    for kind, value, slope in (("dlogpdf_df", lik.logpdf, lik.dlogpdf_df),
                               ("d2logpdf_df2", lik.dlogpdf_df, lik.d2logpdf_df2),
                               ("d3logpdf_df3", lik.d2logpdf_df2, lik.d3logpdf_df3)):
        def shaped(of):
            return lambda f: np.asarray(of(f[:, None], y, Y_metadata=meta)).reshape(4)
        yield elementwise(f"{name}.{kind}[{seed}]", shaped(value), shaped(slope), f[:, 0],
                          method="richardson")


def mappings(seed):
    r = rng(f"mapping{seed}")
    x, w = r.normal(size=(4, 2)), r.normal(size=(4, 3))
    M = GPy.mappings
    for name, make in (("Linear", lambda: M.Linear(2, 3)), ("MLP", lambda: M.MLP(2, 3, 4)),
                       ("MLPext", lambda: M.MLPext(2, 3, [4])), ("Kernel", lambda: M.Kernel(
                           2, 3, x[:3] * .7, K.RBF(2))),
                       ("Additive", lambda: M.Additive(M.Linear(2, 3), M.Constant(2, 3, .4))),
                       ("Compound", lambda: M.Compound(M.Linear(2, 2), M.MLP(2, 3, 4)))):
        m = make()
        at = r.normal(size=m.param_array.size) * .6
        if name == "Kernel":
            at = np.abs(at) + .3

        def f(p, m=m):
            m[:] = p
            return float(np.sum(w * m.f(x)))

        def g(p, m=m):
            m[:] = p
            m.update_gradients(w, x)
            return m.gradient.copy()
        yield scalar(f"mapping.{name}[{seed}]", f, at, g, method="richardson")

        def h(x, m=m, at=at):
            m[:] = at
            return m.gradients_X(w, x)
        yield scalar(f"mapping.{name}.X[{seed}]", lambda x, m=m: float(np.sum(w * m.f(x))), x, h,
                     method="richardson")


def models(seed):
    r = rng(f"model{seed}")
    x = r.uniform(-2, 2, size=(12, 1))
    y, counts = np.sin(2 * x) + r.normal(size=(12, 1)) * .2, r.poisson(2., size=(12, 1)) * 1.
    classes = (y > 0) * 1.
    M, z = GPy.models, np.array([[-1.], [.2], [1.3]])
    for name, m in (
            ("GPRegression", M.GPRegression(x, y, K.RBF(1))),
            ("GPRegression.Matern", M.GPRegression(x, y, K.Matern52(1) + K.Bias(1))),
            ("SparseGPRegression", M.SparseGPRegression(x, y, K.RBF(1), Z=z)),
            ("GPHeteroscedastic", M.GPHeteroscedasticRegression(x, y, K.RBF(1))),
            ("WarpedGP", M.WarpedGP(x, y + 3, K.RBF(1))),
            ("InputWarpedGP", M.InputWarpedGP(x * .2 + .5, y, K.RBF(1))),
            ("TPRegression", M.TPRegression(x, y, K.RBF(1))),
            ("GPCoregionalized", M.GPCoregionalizedRegression([x, x * .8], [y, y ** 2], K.RBF(1))),
            ("GPKronecker", M.GPKroneckerGaussianRegression(
                x[:4], x[:3] + .1, r.normal(size=(4, 3)), K.RBF(1), K.RBF(1))),
            ("GPVariational", M.GPVariationalGaussianApproximation(
                x, counts, K.RBF(1), L.Poisson())),
            ("BayesianGPLVM", M.BayesianGPLVM(r.normal(size=(8, 3)), 2, X=r.normal(size=(8, 2)),
                                              num_inducing=3)),
            ("GPLVM", M.GPLVM(r.normal(size=(8, 3)), 2, X=r.normal(size=(8, 2)))),
            ("Laplace.Poisson", GPy.core.GP(
                x, counts, K.RBF(1), L.Poisson(),
                inference_method=GPy.inference.latent_function_inference.Laplace())),
            ("Laplace.StudentT", GPy.core.GP(
                x, y, K.RBF(1), L.StudentT(deg_free=4., sigma2=.3),
                inference_method=GPy.inference.latent_function_inference.Laplace())),
            ("EP", M.GPClassification(x, classes, K.RBF(1)))):
        at = np.array(m.optimizer_array) + r.normal(size=m.optimizer_array.size) * .1

        def f(p, m=m):
            return float(m._objective_grads(np.array(p))[0])

        def g(p, m=m):
            return np.array(m._objective_grads(np.array(p))[1], float)
        yield scalar(f"model.{name}[{seed}]", f, at, g, method="richardson")


def checks():
    for seed in range(2):
        for name in KERNELS:
            yield from kernel(name, seed)
        for name in LIKELIHOODS:
            yield from likelihood(name, seed)
        for name, prior in PRIORS.items():
            x = rng(f"{name}{seed}").uniform(.3, 2., size=3)
            yield elementwise(f"prior.{name}[{seed}]", lambda x, p=prior: np.asarray(p.lnpdf(x)),
                              lambda x, p=prior: np.asarray(p.lnpdf_grad(x)), x,
                              method="richardson")
        yield from mappings(seed)
        yield from models(seed)


WHY = {
    "LogisticBasis.full*": ("mistake", "by slope, for two sets of inputs: axes of the second "
                                       "half swapped, and no variance"),
    "LogisticBasis.diag*": ("mistake", "by slope, of the diagonal: left as it was"),
    "model.GPVariational*": ("mistake", "by the kernel: the variances' slopes multiply rows "
                                        "where columns belong"),
    "model.Laplace.*": ("approximation", "Newton's iteration is stopped early"),
}
