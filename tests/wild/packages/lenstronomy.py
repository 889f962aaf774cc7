"""lenstronomy: potential, deflection and Hessian of its lens profiles, each by formula."""
import numpy as np
from case import jacobian, rng
from lenstronomy.LensModel.profile_list_base import lens_class

PINS = "lenstronomy==1.14.2 numpy==2.4.6"
PROFILES = """ARC_PERT CHAMELEON CNFW CNFW_ELLIPSE_POTENTIAL CONST_MAG CONVERGENCE CORED_DENSITY
CORED_DENSITY_2 CORED_DENSITY_EXP CORED_DENSITY_ULDM CURVED_ARC_CONST
CURVED_ARC_SIS_MST CURVED_ARC_SPP CURVED_ARC_SPT CURVED_ARC_TAN_DIFF DIPOLE DOUBLE_CHAMELEON
ELLIPSOID EPL EPL_BOXYDISKY EPL_MULTIPOLE_M1M3M4 EPL_NUMBA FLEXION FLEXIONFG GAUSSIAN
GAUSSIAN_POTENTIAL GNFW HERNQUIST HERNQUIST_ELLIPSE_POTENTIAL HESSIAN LOS_MINIMAL
MULTIPOLE MULTIPOLE_ELL NFW NFW_ELLIPSE_CSE NFW_ELLIPSE_POTENTIAL NIE NIE_POTENTIAL NIE_SIMPLE
PEMD PJAFFE PJAFFE_ELLIPSE_POTENTIAL PSEUDO_DPL POINT_MASS SERSIC SERSIC_ELLIPSE_KAPPA
SERSIC_ELLIPSE_POTENTIAL SHAPELETS_CART SHAPELETS_POLAR SHEAR SHEAR_GAMMA_PSI SHEAR_REDUCED SIE
SIS SIS_TRUNCATED SPEMD SPEP SPP TNFW TNFW_ELLIPSE_POTENTIAL TNFWC TRIPLE_CHAMELEON
ULDM""".split()
VALUES = {"theta_E": 1.1, "e1": .12, "e2": -.07, "center_x": .03, "center_y": -.02, "gamma": 1.9,
          "gamma1": .05, "gamma2": -.03, "Rs": .9, "alpha_Rs": .8, "r_core": .2, "s_scale": .15,
          "sigma0": .7, "Ra": .3, "kappa": .2, "kappa_ext": .15, "R_sersic": .8, "n_sersic": 2.1,
          "k_eff": .4, "amp": .5, "sigma": .6, "sigma_x": .7, "sigma_y": .5, "r_trunc": 2.3,
          "alpha_1": 1., "w_c": .2, "w_t": .8, "t1": .2, "t2": -.1, "gamma_ext": .07,
          "psi_ext": .4, "m": 4, "a_m": .05, "phi_m": .3, "r_E": 1., "theta_c": .4,
          "kappa_0": .3, "alpha": .6, "beta": .5, "q": .8, "phi_G": .3, "g1": .1, "g2": .05,
          "g3": -.02, "g4": .03, "F1": .02, "F2": .01, "G1": .03, "G2": -.01, "f_xx": .1,
          "f_yy": .2, "f_xy": .05, "f_yx": .05, "tangential_stretch": 3., "radial_stretch": 1.2,
          "curvature": .5, "direction": .7, "dtan_dtan": .1, "gamma_inner": 1.1,
          "gamma_outer": 2.8, "a4_a": .03, "a1_a": .02, "a3_a": .03, "delta_phi_m1": .2,
          "delta_phi_m3": .2, "delta_phi_m4": .1, "n_max": 3, "com_x": .1, "com_y": .2,
          "phi_dipole": .3, "coupling": .1, "mu_r": 1.1, "mu_t": 2., "parity": 1, "phi": .3}


def parameters(profile):
    names = profile.param_names
    if not all(name in VALUES for name in names):
        return None
    return {name: VALUES[name] for name in names}


def checks():
    for name in PROFILES:
        try:
            profile = lens_class(name)
            values = parameters(profile)
        except Exception:
            continue
        if values is None:
            continue
        for seed in range(2):
            r = rng(f"{name}{seed}")
            angle, radius = r.uniform(0, 6, 2), r.uniform(.4, 1.9, 2)
            xy = np.stack([radius * np.cos(angle), radius * np.sin(angle)])

            def pick(values, x):
                """Per point, d/dx and d/dy alone: the points do not mix."""
                out = np.zeros(np.shape(values)[1:] + x.shape)
                for i in range(x.shape[1]):
                    out[i, :, i] = [np.broadcast_to(v, x.shape[1:])[i] for v in values]
                return out
            yield jacobian(f"{name}.derivatives[{seed}]",
                           lambda x, p=profile, v=values: p.function(x[0], x[1], **v), xy,
                           lambda x, p=profile, v=values: pick(p.derivatives(x[0], x[1], **v), x),
                           method="richardson")
            for k, axis in enumerate("xy"):
                yield jacobian(
                    f"{name}.hessian.{axis}[{seed}]",
                    lambda x, p=profile, v=values, k=k: p.derivatives(x[0], x[1], **v)[k], xy,
                    lambda x, p=profile, v=values, k=k: pick(
                        p.hessian(x[0], x[1], **v)[2 * k:2 * k + 2], x), method="richardson")


INSIDE = ("approximation", "differences of the deflections inside, 1e-6 off")
WHY = {
    "DIPOLE.derivatives*": ("design", "no potential is written for it: zero is answered"),
    "DIPOLE.hessian*": ("mistake", "symmetric, and the deflection that is answered has a curl"),
    "PJAFFE_ELLIPSE_POTENTIAL.hessian*": INSIDE, "SERSIC.hessian*": INSIDE,
    "SERSIC_ELLIPSE_KAPPA.hessian*": INSIDE, "SERSIC_ELLIPSE_POTENTIAL.hessian*": INSIDE,
}
