"""ot: gradients of smoothed duals, of Gromov-Wasserstein and of unbalanced transport (POT)."""
import numpy as np
import ot
from case import rng, scalar
from ot import smooth
from ot.gromov import gwggrad, gwloss, init_matrix
from ot.unbalanced._lbfgs import _get_loss_unbalanced

PINS = "POT==0.9.7.post1 numpy==2.4.6"


def duals(seed):
    r = rng(f"dual{seed}")
    a, b = r.dirichlet(np.ones(5)), r.dirichlet(np.ones(4))
    C, u, v = r.uniform(size=(5, 4)), r.normal(size=5) * .3, r.normal(size=4) * .3
    for name, reg in (("NegEntropy", smooth.NegEntropy(.5)), ("L2", smooth.SquaredL2(.5)),
                      ("Sparsity", smooth.SparsityConstrained(2, .5))):
        yield scalar(f"dual.{name}.alpha[{seed}]", lambda u, g=reg: float(smooth.dual_obj_grad(
            u, v, a, b, C, g)[0]), u, lambda u, g=reg: smooth.dual_obj_grad(
                u, v, a, b, C, g)[1], method="richardson")
        yield scalar(f"dual.{name}.beta[{seed}]", lambda v, g=reg: float(smooth.dual_obj_grad(
            u, v, a, b, C, g)[0]), v, lambda v, g=reg: smooth.dual_obj_grad(
                u, v, a, b, C, g)[2], method="richardson")
        yield scalar(f"semi_dual.{name}[{seed}]", lambda u, g=reg: float(smooth.semi_dual_obj_grad(
            u, a, b, C, g)[0]), u, lambda u, g=reg: smooth.semi_dual_obj_grad(
                u, a, b, C, g)[1], method="richardson")


def gromov(seed):
    r = rng(f"gw{seed}")
    x, y = r.normal(size=(5, 2)), r.normal(size=(4, 2))
    T = r.uniform(.02, .1, size=(5, 4))
    for name in ("square_loss", "kl_loss"):
        C1, C2 = ot.dist(x, x) + .3, ot.dist(y, y) + .4

        def parts(T, C1=C1, C2=C2, name=name):      # for the marginals that T has
            return init_matrix(C1, C2, T.sum(1), T.sum(0), name)
        yield scalar(f"gwloss.{name}[{seed}]", lambda T, m=parts: float(gwloss(*m(T), T)), T,
                     lambda T, m=parts: gwggrad(*m(T), T), method="richardson")


def unbalanced(seed):
    r = rng(f"unbalanced{seed}")
    a, b = r.uniform(.2, 1., 4), r.uniform(.2, 1., 3)
    M, G, c = r.uniform(size=(4, 3)), r.uniform(.05, .3, (4, 3)), r.uniform(.05, .3, (4, 3))
    for reg in ("kl", "entropy", "l2"):
        for marginal in ("kl", "l2", "tv"):
            f = _get_loss_unbalanced(a, b, c, M, .4, .7, .9, reg, marginal)
            yield scalar(f"unbalanced.{reg}.{marginal}[{seed}]", lambda G, f=f: float(
                f(G.ravel())[0]), G, lambda G, f=f: np.asarray(f(G.ravel())[1]).reshape(4, 3),
                method="richardson")


def solved(seed):
    """Duals of a solved problem: the derivative of its value by the masses along differences."""
    r = rng(f"emd{seed}")
    a, b, M = r.dirichlet(np.ones(5)), r.dirichlet(np.ones(4)), r.uniform(size=(5, 4))
    yield scalar(f"emd2.cost[{seed}]", lambda M: float(ot.emd2(a, b, M)), M,
                 lambda M: ot.emd(a, b, M), method="richardson")


def checks():
    for seed in range(3):
        yield from duals(seed)
        yield from gromov(seed)
        yield from unbalanced(seed)
        yield from solved(seed)


WHY = {}
