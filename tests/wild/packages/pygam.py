"""pygam: derivatives of its links, and scores of its distributions by their variance function."""
import numpy as np
from case import elementwise, rng
from pygam import distributions as d
from pygam import links as l

PINS = "pygam==0.12.0 numpy==2.4.6"


def checks():
    for seed in range(4):
        r = rng(f"pygam{seed}")
        part, positive = r.uniform(.1, .9, 5), r.gamma(2., size=5) + .2
        y = r.gamma(2., size=5) + .2
        one, levels = d.BinomialDist(), d.BinomialDist(levels=4)
        for name, link, dist, mu in (
                ("identity", l.IdentityLink(), d.NormalDist(), positive),
                ("logit", l.LogitLink(), one, part), ("logit.4", l.LogitLink(), levels, part * 4),
                ("log", l.LogLink(), d.PoissonDist(), positive),
                ("inverse", l.InverseLink(), d.GammaDist(), positive),
                ("inv_squared", l.InvSquaredLink(), d.InvGaussDist(), positive)):
            yield elementwise(f"{name}.gradient[{seed}]", lambda m, f=link, t=dist: f.link(m, t),
                              lambda m, f=link, t=dist: f.gradient(m, t), mu, method="richardson")
            eta = link.link(mu, dist)
            yield elementwise(f"{name}.mu[{seed}]", lambda e, f=link, t=dist: f.mu(e, t),
                              lambda e, f=link, t=dist: 1 / f.gradient(f.mu(e, t), t), eta,
                              method="richardson")
        for name, dist, y_, mu in (
                ("normal", d.NormalDist(scale=1.), y, positive),
                ("poisson", d.PoissonDist(), np.round(y), positive),
                ("gamma", d.GammaDist(scale=1.), y, positive),
                ("inv_gauss", d.InvGaussDist(scale=1.), y, positive),
                ("binomial", levels, np.round(part * 4), part * 4)):
            yield elementwise(f"{name}.deviance[{seed}]", lambda m, t=dist, y=y_: t.deviance(
                y, m, scaled=False), lambda m, t=dist, y=y_: -2 * (y - m) / t.V(m), mu,
                method="richardson")
            if name == "inv_gauss" or name == "gamma":
                continue
            yield elementwise(f"{name}.log_pdf[{seed}]", lambda m, t=dist, y=y_: t.log_pdf(y, m),
                              lambda m, t=dist, y=y_: (y - m) / t.V(m), mu, method="richardson")


WHY = {}
