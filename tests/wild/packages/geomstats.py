"""geomstats: derivatives of Christoffel symbols, of normalization factors and of translations."""
import numpy as np
from case import elementwise, jacobian, rng
from geomstats.geometry.poincare_ball import PoincareBall
from geomstats.geometry.special_euclidean import SpecialEuclidean
from geomstats.geometry.special_orthogonal import SpecialOrthogonal
from geomstats.information_geometry.dirichlet import DirichletDistributions
from geomstats.information_geometry.gamma import GammaDistributions

PINS = "geomstats==2.8.0 numpy==1.26.4 scipy==1.13.1"


def checks():
    for seed in range(3):
        r = rng(f"geomstats{seed}")
        for name, space, at in (
                ("Dirichlet2", DirichletDistributions(2), r.uniform(.5, 3., 2)),
                ("Dirichlet3", DirichletDistributions(3), r.uniform(.5, 3., 3)),
                ("Gamma", GammaDistributions(), r.uniform(.5, 3., 2))):
            metric = space.metric
            yield jacobian(f"{name}.jacobian_christoffels[{seed}]",
                           lambda x, m=metric: np.array(m.christoffels(x)), at,
                           lambda x, m=metric: np.array(m.jacobian_christoffels(x)),
                           method="richardson")
        for dim in (2, 3):
            metric = PoincareBall(dim).metric
            # of the logarithm of the factor, as its variance is found by
            yield elementwise(f"PoincareBall{dim}.norm_factor_gradient[{seed}]",
                              lambda v, m=metric: np.log(m.norm_factor_gradient(v)[0]),
                              lambda v, m=metric: m.norm_factor_gradient(v)[1],
                              r.uniform(.4, 1.5, 4), method="richardson")
        for name, group in (("SO3", SpecialOrthogonal(3, point_type="vector")),
                            ("SE2", SpecialEuclidean(2, point_type="vector")),
                            ("SE3", SpecialEuclidean(3, point_type="vector"))):
            point = r.normal(size=group.dim) * .5
            for left in (True, False):
                def moved(x, g=group, p=point, left=left):
                    return np.array(g.compose(p, x) if left else g.compose(x, p)).reshape(-1)
                yield jacobian(
                    f"{name}.jacobian_translation.{left}[{seed}]",
                    lambda t, f=moved, g=group: f(t + g.identity), np.zeros(group.dim),
                    lambda t, g=group, p=point, left=left: np.array(
                        g.jacobian_translation(p, left)).reshape(g.dim, g.dim),
                    method="richardson")


WHY = {
    "SE2.jacobian_translation*": ("mistake", "always the identity"),
    "SE3.jacobian_translation.False*": ("mistake", "the rotation vector stands where the "
                                                   "translation belongs"),
}
