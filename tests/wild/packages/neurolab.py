"""neurolab: derivatives of its activations and errors.  Runs where np.float is put back."""
import numpy as np
from case import elementwise, jacobian, rng

PINS = "neurolab==0.3.5 numpy==1.26.4"
np.float = float
import neurolab as nl  # noqa: E402


def checks():
    for seed in range(3):
        x = rng(f"nl{seed}").normal(size=6)
        for name in ("TanSig", "LogSig", "PureLin", "SatLin", "SatLins", "SoftMax"):
            f = getattr(nl.trans, name)()
            if name == "SoftMax":
                continue
            at = x * .3 + .4 if name == "SatLin" else x * .3
            yield elementwise(f"trans.{name}[{seed}]", f, lambda x, f=f: f.deriv(x, f(x)), at,
                              method="richardson")
        t, o = rng(f"t{seed}").normal(size=(2, 4, 3))
        for name in ("MSE", "SSE", "SAE", "MAE", "CEE"):
            f = getattr(nl.error, name)()
            t_, o_ = (1 / (1 + np.exp(-t)), 1 / (1 + np.exp(-o))) if name == "CEE" else (t, o)
            yield jacobian(f"error.{name}[{seed}]", lambda o, f=f, t=t_: f(t, o), o_,
                           lambda o, f=f, t=t_: -f.deriv(t, o),
                           (lambda o, f=f, t=t_: -f.deriv(t, o) / 3) if name == "MSE" else None,
                           method="richardson")


WHY = {"error.MSE*": ("mistake", "divided by the rows, the error by all numbers; the sign, turned "
                                 "here, is reversed in all of error.*")}
