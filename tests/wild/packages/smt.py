"""smt: derivatives of its problems and predictions of its surrogate models."""
import numpy as np
import smt.problems as problems
import smt.surrogate_models as models
from case import jacobian, rng

PINS = "smt==2.15.0 numpy==2.4.6"
PROBLEMS = ("Branin", "CantileverBeam", "LpNorm", "NdimCantileverBeam", "NdimRobotArm",
            "NdimRosenbrock", "RobotArm", "Rosenbrock", "Sphere", "TorsionVibration", "WaterFlow",
            "WaterFlowLFidelity", "WeldedBeam", "WingWeight")
SURROGATES = {"LS": {}, "QP": {}, "RBF": {"d0": 2.}, "IDW": {"p": 2.5}, "KRG": {"n_start": 1},
              "RMTB": {"xlimits": np.array([[-1., 1], [-1, 1]]), "num_ctrl_pts": 6},
              "RMTC": {"xlimits": np.array([[-1., 1], [-1, 1]]), "num_elements": 4}}


def checks():
    for name in PROBLEMS:
        for ndim in (2, 3, 4, 6, 8, 10):
            try:
                problem = getattr(problems, name)(ndim=ndim)
                problem(problem.xlimits.mean(1)[None])
            except Exception:
                continue
            for seed in range(2):
                low, high = problem.xlimits.T
                x = low + (high - low) * rng(f"{name}{ndim}{seed}").uniform(.2, .8, size=ndim)
                yield jacobian(
                    f"problem.{name}({ndim})[{seed}]", lambda x, p=problem: p(x[None])[0], x,
                    lambda x, p=problem: np.stack([p(x[None], k)[0] for k in range(len(x))], -1),
                    method="richardson")
            if ndim > 3:
                break
    for fun in ("exp", "tanh", "cos", "gaussian"):
        problem = problems.TensorProduct(ndim=3, func=fun)
        x = np.array([.3, -.5, .7])
        yield jacobian(f"problem.TensorProduct.{fun}", lambda x, p=problem: p(x[None])[0], x,
                       lambda x, p=problem: np.stack([p(x[None], k)[0] for k in range(3)], -1),
                       method="richardson")
    r = rng("smt")
    X = r.uniform(-1, 1, size=(12, 2))
    Y = (np.sin(2 * X[:, 0]) + X[:, 1] ** 2 * X[:, 0])[:, None]
    for name, options in SURROGATES.items():
        variants = [{}]
        if name == "KRG":
            variants = [{"corr": c, "poly": p} for c in ("squar_exp", "abs_exp", "matern32",
                                                         "matern52")
                        for p in ("constant", "quadratic")]
        for more in variants:
            try:
                model = getattr(models, name)(print_global=False, **options, **more)
                model.set_training_values(X, Y)
                model.train()
            except Exception:
                continue
            label = name + "".join(f".{v}" for v in more.values())
            for k in range(3):
                x = r.uniform(-.9, .9, size=2)
                yield jacobian(f"{label}[{k}]", lambda x, m=model: m.predict_values(x[None])[0], x,
                               lambda x, m=model: np.stack([m.predict_derivatives(
                                   x[None], i)[0] for i in (0, 1)], -1), method="richardson")
                if name == "KRG":
                    yield jacobian(f"{label}.variance[{k}]",
                                   lambda x, m=model: m.predict_variances(x[None])[0], x,
                                   lambda x, m=model: np.stack([m.predict_variance_derivatives(
                                       x[None], i)[0] for i in (0, 1)], -1), method="richardson")


WHY = {}
