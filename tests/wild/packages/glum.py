"""glum: derivatives of its links and of the variances of its families."""
import glum
import numpy as np
from case import elementwise

PINS = "glum==3.4.1 numpy==2.4.6"
LINKS = {"Identity": glum.IdentityLink(), "Log": glum.LogLink(), "Logit": glum.LogitLink(),
         "Tweedie": glum.TweedieLink(1.5), "CLogLog": glum.CloglogLink()}
FAMILIES = {"Normal": glum.NormalDistribution(), "Poisson": glum.PoissonDistribution(),
            "Gamma": glum.GammaDistribution(), "InverseGaussian":
            glum.InverseGaussianDistribution(), "Binomial": glum.BinomialDistribution(),
            "Tweedie": glum.TweedieDistribution(1.5),
            "NegativeBinomial": glum.NegativeBinomialDistribution(.7),
            "GeneralizedHyperbolicSecant": glum.GeneralizedHyperbolicSecant()}


def checks():
    for k, mu in enumerate((np.array([.13, .42, .77]), np.array([.31, .58, .95]))):
        for name, link in LINKS.items():
            z = np.asarray(link.link(mu))
            yield elementwise(f"{name}.derivative[{k}]", link.link, link.derivative, mu,
                              method="richardson")
            yield elementwise(f"{name}.inverse_derivative[{k}]", link.inverse,
                              link.inverse_derivative, z, method="richardson")
            yield elementwise(f"{name}.inverse_derivative2[{k}]", link.inverse_derivative,
                              link.inverse_derivative2, z, method="richardson")
        y = np.array([0., 1., 1.]) if k else np.array([1., 0., 1.])
        for name, family in FAMILIES.items():
            yield elementwise(f"{name}.unit_variance_derivative[{k}]", family.unit_variance,
                              family.unit_variance_derivative, mu, method="richardson")
            at = y if name == "Binomial" else y + .6
            yield elementwise(f"{name}.unit_deviance_derivative[{k}]",
                              lambda m, f=family, y=at: f.unit_deviance(y, m),
                              lambda m, f=family, y=at: f.unit_deviance_derivative(y, m), mu,
                              method="richardson")


WHY = {"NegativeBinomial*": ("approximation", "theta is kept in float32: 6e-9 off")}
