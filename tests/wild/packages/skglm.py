"""skglm: gradients and Hessians of its datafits, by coefficients and by predictions."""
import numpy as np
from case import elementwise, rng, scalar
from scipy import sparse
from skglm import datafits as d
from skglm.experimental.quantile_huber import QuantileHuber
from skglm.experimental.sqrt_lasso import SqrtQuadratic
from skglm.penalties import L2

PINS = "skglm==0.5 numpy==2.4.6"


def by_coefficients(name, fit, X, y, w):
    fit.initialize(X, y) if hasattr(fit, "initialize") else None
    columns = range(X.shape[1])
    yield scalar(f"{name}.gradient_scalar", lambda w: float(fit.value(y, w, X @ w)), w,
                 lambda w: np.array([fit.gradient_scalar(X, y, w, X @ w, j) for j in columns]),
                 method="richardson")
    if hasattr(fit, "gradient"):
        yield scalar(f"{name}.gradient", lambda w: float(fit.value(y, w, X @ w)), w,
                     lambda w: fit.gradient(X, y, X @ w), method="richardson")
    S = sparse.csc_matrix(X)
    parts = S.data, S.indptr, S.indices
    if hasattr(fit, "initialize_sparse"):
        fit.initialize_sparse(*parts, y)
    if hasattr(fit, "full_grad_sparse"):
        yield scalar(f"{name}.full_grad_sparse", lambda w: float(fit.value(y, w, X @ w)), w,
                     lambda w: fit.full_grad_sparse(*parts, y, X @ w),
                     (lambda w: X.T @ (np.exp(X @ w) - y) / len(y))
                     if name.startswith("Poisson") else None, method="richardson")
    if hasattr(fit, "gradient_scalar_sparse"):
        yield scalar(f"{name}.gradient_scalar_sparse", lambda w: float(fit.value(y, w, X @ w)), w,
                     lambda w: np.array([fit.gradient_scalar_sparse(*parts, y, X @ w, j)
                                         for j in columns]), method="richardson")


def by_predictions(name, fit, y, z):
    if hasattr(fit, "raw_grad"):
        yield scalar(f"{name}.raw_grad", lambda z: float(fit.value(y, z, z)), z,
                     lambda z: fit.raw_grad(y, z), method="richardson")
    if hasattr(fit, "raw_hessian") and not name.startswith("SqrtQuadratic"):
        yield elementwise(f"{name}.raw_hessian", lambda z: fit.raw_grad(y, z),
                          lambda z: fit.raw_hessian(y, z), z, method="richardson")
    if hasattr(fit, "intercept_update_step") and name.split("[")[0] == "Gamma":
        yield scalar(f"{name}.intercept", lambda b: float(fit.value(y, z, z + b[0])),
                     np.array([.1]), lambda b: np.atleast_1d(fit.intercept_update_step(y, z + b)),
                     method="richardson")


def checks():
    for seed in range(3):
        r = rng(f"skglm{seed}")
        X, w = r.normal(size=(12, 4)), r.normal(size=4) * .5
        y, positive = r.normal(size=12), r.gamma(2., size=12)
        signs, counts = np.sign(y), r.poisson(2., size=12) * 1.
        for name, fit, target in (
                ("Quadratic", d.Quadratic(), y),
                ("WeightedQuadratic", d.WeightedQuadratic(positive), y),
                ("Logistic", d.Logistic(), signs), ("Huber", d.Huber(.7), y),
                ("Poisson", d.Poisson(), counts), ("Gamma", d.Gamma(), positive),
                ("QuantileHuber", QuantileHuber(.3, .4), y),
                ("SqrtQuadratic", SqrtQuadratic(), y)):
            if name != "SqrtQuadratic":
                yield from by_coefficients(f"{name}[{seed}]", fit, X, target, w)
            else:
                fit.initialize(X, target)
            yield from by_predictions(f"{name}[{seed}]", fit, target, X @ w)
        for efron in (False, True):
            fit = d.Cox(efron)
            times = np.c_[np.round(positive, 0) + 1, r.uniform(size=12) < .7] * 1.
            fit.initialize(X, times)
            yield scalar(f"Cox.{efron}[{seed}].gradient",
                         lambda w, f=fit, t=times: float(f.value(t, w, X @ w)), w,
                         lambda w, f=fit, t=times, X=X: f.gradient(X, t, X @ w),
                         method="richardson")
            yield from by_predictions(f"Cox.{efron}[{seed}]", fit, times, X @ w)
        A = X.T @ X
        fit = d.QuadraticHessian()
        yield scalar(f"QuadraticHessian[{seed}]", lambda w, A=A: float(
            d.QuadraticHessian().value(X[0], w, A @ w)), w, lambda w, A=A, f=fit: np.array(
                [f.gradient_scalar(A, X[0], w, A @ w, j) for j in range(4)]), method="richardson")
        groups, members = np.array([0, 2, 4], "i4"), np.array([2, 0, 1, 3], "i4")
        for name, kind, target in (("QuadraticGroup", d.QuadraticGroup, y),
                                   ("LogisticGroup", d.LogisticGroup, signs),
                                   ("PoissonGroup", d.PoissonGroup, counts)):
            fit = kind(groups, members)
            fit.initialize(X, target) if name != "QuadraticGroup" else None

            def slope(w, f=fit, t=target, X=X):
                out = np.zeros(4)
                for g in range(2):
                    out[members[groups[g]:groups[g + 1]]] = f.gradient_g(X, t, w, X @ w, g)
                return out
            yield scalar(f"{name}[{seed}]", lambda w, f=fit, t=target, X=X: float(
                f.value(t, w, X @ w)), w, slope, method="richardson")
        W, Y = r.normal(size=(4, 3)), r.normal(size=(12, 3))
        fit = d.QuadraticMultiTask()
        fit.initialize(X, Y)
        yield scalar(f"QuadraticMultiTask[{seed}]", lambda W, f=fit, X=X, Y=Y: float(
            f.value(Y, W, X @ W)), W, lambda W, f=fit, X=X, Y=Y: np.array(
                [f.gradient_j(X, Y, W, X @ W, j) for j in range(4)]), method="richardson")
        yield scalar(f"penalty.L2[{seed}]", lambda w: float(L2(.7).value(w)), w,
                     L2(.7).gradient, method="richardson")


WHY = {
    "Poisson*.full_grad_sparse": ("mistake", "exp(Xw - y) stands for exp(Xw) - y"),
    "Cox*.raw_hessian": ("design", "a diagonal upper bound, as documented"),
}
