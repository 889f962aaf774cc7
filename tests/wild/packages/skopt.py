"""skopt: gradients of its kernels, of a Gaussian process' predictions and of acquisitions."""
import numpy as np
from case import jacobian, rng, scalar
from skopt import acquisition
from skopt.learning import GaussianProcessRegressor
from skopt.learning.gaussian_process import kernels as k

PINS = "scikit-optimize==0.10.2 numpy==2.4.6"
KERNELS = {"RBF": k.RBF(.8), "RBF.ard": k.RBF([.8, 1.3, .6]), "Matern.half": k.Matern(.8, nu=.5),
           "Matern.3half": k.Matern([.8, 1.3, .6], nu=1.5), "Matern.5half": k.Matern(.8, nu=2.5),
           "RationalQuadratic": k.RationalQuadratic(.8, 1.4),
           "ExpSineSquared": k.ExpSineSquared(.8, 1.9), "DotProduct": k.DotProduct(.7),
           "Constant": k.ConstantKernel(1.3), "White": k.WhiteKernel(.3),
           "Exponentiation": k.Exponentiation(k.RationalQuadratic(.8, 1.4), 3),
           "Sum": k.RBF(.8) + k.DotProduct(.7), "Product": k.RBF(.8) * k.DotProduct(.7),
           "Sum.Product": 1.3 ** 2 * k.Matern(.8, nu=2.5) + k.ConstantKernel(.2) * k.RBF(.5)}


def regressor(kernel, X, y, **options):
    return GaussianProcessRegressor(kernel, alpha=1e-6, optimizer=None, **options).fit(X, y)


def checks():
    for seed in range(3):
        r = rng(f"skopt{seed}")
        X, x, y = r.normal(size=(6, 3)), r.normal(size=3), r.normal(size=6)
        for name, kernel in KERNELS.items():
            yield jacobian(f"{name}.gradient_x[{seed}]", lambda x, k=kernel, X=X: k(x[None], X)[0],
                           x, lambda x, k=kernel, X=X: k.gradient_x(x, X), method="richardson")
            if name in ("Constant", "White", "DotProduct", "ExpSineSquared"):
                continue
            for normed in (False, True):
                gp = regressor(kernel, X, y, normalize_y=normed)

                def mean(x, m=gp):
                    return float(m.predict(x[None])[0])

                def std(x, m=gp):
                    return float(m.predict(x[None], return_std=True)[1][0])

                def slopes(x, m=gp):
                    return m.predict(x[None], return_std=True, return_mean_grad=True,
                                     return_std_grad=True)[2:]
                yield scalar(f"{name}.mean.{normed}[{seed}]", mean, x,
                             lambda x, s=slopes: s(x)[0], method="richardson")
                yield scalar(f"{name}.std.{normed}[{seed}]", std, x,
                             lambda x, s=slopes: s(x)[1], method="richardson")
        gp = regressor(KERNELS["Sum.Product"], X, y)
        for name, f in (("lcb", acquisition.gaussian_lcb), ("pi", acquisition.gaussian_pi),
                        ("ei", acquisition.gaussian_ei)):
            options = {} if name == "lcb" else {"y_opt": float(y.min())}
            yield scalar(f"gaussian_{name}[{seed}]", lambda x, f=f, m=gp, o=options: float(
                f(x[None], m, **o)[0]), x, lambda x, f=f, m=gp, o=options: np.ravel(
                    f(x[None], m, return_grad=True, **o)[1]), method="richardson")


WHY = {
    "Sum.std*": ("mistake", "std of a kernel whose diagonal varies: that term is missing"),
    "Product.std*": ("mistake", "std of a kernel whose diagonal varies: that term is missing"),
}
