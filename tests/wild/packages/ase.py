"""ase: forces, stresses and geometry derivatives of its own calculators."""
import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.eam import EAM
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.morse import MorsePotential
from ase.geometry import (get_angles, get_angles_derivatives, get_dihedrals,
                          get_dihedrals_derivatives, get_distances, get_distances_derivatives)
from case import rng, scalar

PINS = "ase==3.29.0 numpy==2.4.6"


def forces(name, atoms, make):
    def at(x):
        moved = atoms.copy()
        moved.positions[:] = np.real(x)
        moved.calc = make()
        return moved
    return scalar(name, lambda x: float(at(x).get_potential_energy()), atoms.positions.copy(),
                  lambda x: -at(x).get_forces(), method="richardson", max_elements=0, probes=6)


def stress(name, atoms, make):
    """dE/d strain is the stress times the volume."""
    def at(e):
        moved = atoms.copy()
        moved.set_cell(atoms.cell[:] @ (np.eye(3) + (e + e.T) / 2), scale_atoms=True)
        moved.calc = make()
        return moved

    def slope(e):
        moved = at(e)
        # at e = 0 alone the strain derivative is the Cauchy stress
        return moved.get_stress(voigt=False) * moved.get_volume()
    return scalar(name, lambda e: float(at(np.real(e)).get_potential_energy()), np.zeros((3, 3)),
                  slope, method="richardson", max_elements=0, probes=6)


def systems(seed):
    r = rng(f"ase{seed}")
    cu = bulk("Cu", cubic=True)
    cu.positions += r.normal(size=cu.positions.shape) * .06
    argon = Atoms("Ar5", positions=r.uniform(0, 4, (5, 3)) + np.arange(5)[:, None] * 1.5)
    lattice = bulk("Ar", "fcc", a=5.2, cubic=True)
    lattice.positions += r.normal(size=lattice.positions.shape) * .1
    return {"EMT.Cu": (cu, EMT), "LJ.cluster": (argon, lambda: LennardJones(sigma=3.1, rc=9.)),
            "LJ.smooth": (lattice, lambda: LennardJones(sigma=3.1, rc=6., smooth=True)),
            "LJ.bulk": (lattice, lambda: LennardJones(sigma=3.1, rc=6.)),
            "Morse": (argon, lambda: MorsePotential(r0=3.4, rho0=5., epsilon=.3)),
            "Morse.bulk": (lattice, lambda: MorsePotential(r0=3.4, rho0=5., epsilon=.3)),
            "EMT.molecule": (molecule("CH3OH"), EMT)}


def geometry(seed):
    r = rng(f"geometry{seed}")
    for k in range(3):
        v = r.normal(size=(3, 3))
        f = lambda x: float(get_distances([np.zeros(3)], [x[0]])[1][0, 0])
        yield scalar(f"distance[{seed}{k}]", f, v[:1],
                     lambda x: get_distances_derivatives(np.array([x[0]]))[0][1:],
                     method="richardson")
        vec = lambda x: (x[:1] - x[1:2], x[2:] - x[1:2])
        yield scalar(f"angle[{seed}{k}]", lambda x: float(get_angles(*vec(x))[0]), v,
                     lambda x: get_angles_derivatives(*vec(x))[0], method="richardson")
        d = r.normal(size=(4, 3))
        three = lambda x: (x[1:2] - x[:1], x[2:3] - x[1:2], x[3:] - x[2:3])
        yield scalar(f"dihedral[{seed}{k}]", lambda x: float(get_dihedrals(*three(x))[0]), d,
                     lambda x: get_dihedrals_derivatives(*three(x))[0], method="richardson")


def checks():
    for seed in range(3):
        for name, (atoms, make) in systems(seed).items():
            if name == "EMT.molecule":
                atoms = atoms.copy()
                atoms.positions += rng(f"m{seed}").normal(size=atoms.positions.shape) * .04
            yield forces(f"{name}.forces[{seed}]", atoms, make)
            if atoms.pbc.any():
                yield stress(f"{name}.stress[{seed}]", atoms, make)
        yield from geometry(seed)


_ = EAM
WHY = {}
