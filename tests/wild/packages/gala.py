"""gala: gradients and Hessians of its gravitational potentials."""
import gala.potential as gp
import numpy as np
from case import jacobian, rng, scalar
from gala.units import dimensionless

PINS = "gala==1.11.0 numpy==2.4.6"
KINDS = {"Burkert": {"rho": .3, "r0": 1.2}, "HarmonicOscillator": {"omega": [1., .8, 1.3]},
         "HenonHeiles": {}, "Hernquist": {"m": 1., "c": .7}, "Isochrone": {"m": 1., "b": .7},
         "Jaffe": {"m": 1., "c": .7}, "Kepler": {"m": 1.}, "Kuzmin": {"m": 1., "a": .7},
         "Logarithmic": {"v_c": 1., "r_h": .3, "q1": 1., "q2": .9, "q3": .8},
         "LongMuraliBar": {"m": 1., "a": 1.5, "b": .4, "c": .3, "alpha": .3},
         "MiyamotoNagai": {"m": 1., "a": .7, "b": .2}, "MN3ExponentialDisk": {
             "m": 1., "h_R": .7, "h_z": .1}, "NFW": {"m": 1., "r_s": .8, "a": 1., "b": .9, "c": .8},
         "LeeSutoTriaxialNFW": {"v_c": 1., "r_s": .8, "a": 1., "b": .9, "c": .8},
         "Plummer": {"m": 1., "b": .7}, "PowerLawCutoff": {"m": 1., "alpha": 1.3, "r_c": .8},
         "Satoh": {"m": 1., "a": .7, "b": .2}, "Stone": {"m": 1., "r_c": .2, "r_h": 1.4}}


def checks():
    for name, args in KINDS.items():
        try:
            made = getattr(gp, f"{name}Potential")(**args, units=dimensionless)
        except Exception:
            continue
        for seed in range(3):
            x = rng(f"{name}{seed}").normal(size=2 if name == "HenonHeiles" else 3)
            yield scalar(f"{name}.gradient[{seed}]",
                         lambda x, p=made: float(np.ravel(getattr(p.energy(x), "value",
                                                                  p.energy(x)))[0]), x,
                         lambda x, p=made: np.ravel(getattr(p.gradient(x), "value",
                                                            p.gradient(x))), method="richardson")
            yield jacobian(f"{name}.hessian[{seed}]",
                           lambda x, p=made: np.ravel(getattr(p.gradient(x), "value",
                                                              p.gradient(x))), x,
                           lambda x, p=made: np.reshape(getattr(p.hessian(x), "value",
                                                                p.hessian(x)), (len(x), -1)),
                           method="richardson")


ZERO = ("mistake", "the Hessian of this potential is answered as zeros")
WHY = {
    "HarmonicOscillator.hessian*": ("mistake", "omega stands where omega**2 belongs"),
    "Burkert.hessian*": ZERO, "Kuzmin.hessian*": ZERO, "LeeSutoTriaxialNFW.hessian*": ZERO,
}
