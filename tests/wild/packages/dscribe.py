"""dscribe: analytical derivatives of SOAP by the positions of atoms."""
import numpy as np
from ase import Atoms
from case import jacobian, rng
from dscribe.descriptors import SOAP

PINS = "dscribe==2.1.2 numpy==2.4.6 ase==3.29.0 scipy==1.16.3"
MOLECULES = {"H2O": [[0, 0, 0], [.76, .59, 0], [-.76, .59, 0]],
             "CO2": [[0, 0, 0], [1.16, 0, 0], [-1.16, 0, 0]],
             "CH4": [[0, 0, 0], [.63, .63, .63], [-.63, -.63, .63], [-.63, .63, -.63],
                     [.63, -.63, -.63]]}


def checks():
    for seed in range(2):
        for name, places in MOLECULES.items():
            at = np.array(places, float)
            at += rng(f"{name}{seed}").normal(size=at.shape) * .05
            centers = [[.3, .2, .1], [-.4, .5, .2]]
            for n, l, cross in ((2, 2, "off"), (3, 1, "off"), (1, 4, "off"), (2, 3, "crossover")):
                soap = SOAP(species=list("HCO"), r_cut=4., n_max=n, l_max=l,
                            **({} if cross == "off" else {"compression": {"mode": cross}}))

                def f(x, s=soap, name=name):
                    return s.create(Atoms(name, x), centers)

                def g(x, s=soap, name=name):
                    d, _ = s.derivatives(Atoms(name, x), centers, method="analytical")
                    return np.moveaxis(d, 3, 1)
                yield jacobian(f"SOAP.{name}.{n}{l}{cross}[{seed}]", f, at, g, method="richardson")


WHY = {}
