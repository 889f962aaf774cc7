"""photutils: `fit_deriv` of its models of a point-spread function."""
import numpy as np
import photutils.psf as psf
from case import Case, rng

PINS = "photutils==3.0.0 numpy==2.4.6"
KINDS = {"CircularGaussianPRF": {"fwhm": 2.3}, "CircularGaussianPSF": {"fwhm": 2.3},
         "CircularGaussianSigmaPRF": {"sigma": 1.1}, "MoffatPSF": {"alpha": 2.1, "beta": 2.6},
         "GaussianPRF": {"x_fwhm": 2.3, "y_fwhm": 3.1, "theta": 27.},
         "GaussianPSF": {"x_fwhm": 2.3, "y_fwhm": 3.1, "theta": 27.},
         "AiryDiskPSF": {"radius": 2.4}}


def checks():
    y, x = (a.ravel().astype(float) for a in np.mgrid[:5, :6])
    for name, values in KINDS.items():
        kind = getattr(psf, name, None)
        if kind is None or not callable(getattr(kind, "fit_deriv", None)):
            continue
        for seed in range(3):
            at = {"flux": 71.4, "x_0": 2.13, "y_0": 1.88, **values}
            model = kind()
            names = [n for n in model.param_names if n in at]
            r = rng(f"{name}{seed}")
            at = {n: float(at[n] * r.uniform(.9, 1.1)) for n in names}
            order = list(model.param_names)

            def value(p, m=model, o=order):
                return np.asarray(m.evaluate(x, y, *(np.array([p.get(n, 0.)]) for n in o)))

            def grads(p, c, m=model, o=order):
                d = m.fit_deriv(x, y, *(p.get(n, 0.) for n in o))
                return {n: float(np.sum(c * d[i])) for i, n in enumerate(o) if n in p}
            c = r.normal(size=x.shape) + 2

            def both_widths(p, c, grads=grads):
                d = psf.GaussianPSF().fit_deriv(x, y, p["flux"], p["x_0"], p["y_0"], p["fwhm"],
                                                p["fwhm"], 0.)
                return {**grads(p, c), "fwhm": float(np.sum(c * (d[3] + d[4])))}
            right = both_widths if name == "CircularGaussianPSF" else None
            yield Case(f"{name}[{seed}]", value, at, grads, right,
                       options={"cotangent": c, "method": "richardson"})


WHY = {"CircularGaussianPSF*": (
    "mistake", "by fwhm: that by the width along x alone, without that along y")}
