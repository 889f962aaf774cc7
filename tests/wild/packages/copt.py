"""copt: gradients and Hessian products of its losses."""
import copt.loss as loss
import numpy as np
from case import jacobian, rng, scalar

PINS = "copt==0.9.2 numpy==2.4.6"


def checks():
    for seed in range(4):
        r = rng(f"copt{seed}")
        A, x = r.normal(size=(12, 4)), r.normal(size=4)
        y, signs = r.normal(size=12), (r.uniform(size=12) < .5) * 1.
        for name, f in (("LogLoss", loss.LogLoss(A, signs, .3)),
                        ("LogLoss.soft", loss.LogLoss(A, r.uniform(size=12), .3)),
                        ("SquareLoss", loss.SquareLoss(A, y, .3)),
                        ("HuberLoss", loss.HuberLoss(A, y, .3, .7))):
            yield scalar(f"{name}.f_grad[{seed}]", lambda x, f=f: float(f(x)), x,
                         lambda x, f=f: np.asarray(f.f_grad(x)[1]), method="richardson")
            if name.startswith("LogLoss"):
                yield jacobian(f"{name}.hessian_mv[{seed}]", lambda x, f=f: f.f_grad(x)[1], x,
                               lambda x, f=f: np.array([f.hessian_mv(x)(e) for e in np.eye(4)]),
                               lambda x, A=A: (lambda p: (A.T * (p * (1 - p))) @ A / 12
                                               + .3 * np.eye(4))(1 / (1 + np.exp(-A @ x))),
                               method="richardson")


WHY = {"*.hessian_mv*": ("mistake", "alpha is divided by the number of samples")}
