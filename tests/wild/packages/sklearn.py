"""scikit-learn: gradients of kernels, losses, networks and embeddings."""
import numpy as np
import sklearn.gaussian_process.kernels as k
from case import elementwise, jacobian, rng, scalar
from sklearn._loss import loss as losses
from sklearn.linear_model._linear_loss import LinearModelLoss

PINS = "scikit-learn==1.9.1 numpy==2.4.6"
KERNELS = {
    "RBF": k.RBF(1.3), "RBF.ard": k.RBF([.7, 1.4, 2.]), "Matern.5": k.Matern(1.2, nu=.5),
    "Matern1.5": k.Matern(1.2, nu=1.5), "Matern2.5": k.Matern([.7, 1.4, 2.], nu=2.5),
    "Matern.inf": k.Matern(.9, nu=np.inf), "Matern.7": k.Matern(1.1, nu=.7),
    "RationalQuadratic": k.RationalQuadratic(1.2, .8),
    "ExpSineSquared": k.ExpSineSquared(.9, 2.3), "DotProduct": k.DotProduct(.6),
    "Constant": k.ConstantKernel(1.7), "White": k.WhiteKernel(.4),
    "Sum": k.RBF(1.1) + k.WhiteKernel(.2), "Product": k.ConstantKernel(2.) * k.Matern(.8),
    "Exponentiation": k.RationalQuadratic(.7, 1.1) ** 2.5,
    "Pairwise": k.PairwiseKernel(.8, metric="rbf"),
}


def kernels(seed):
    X = rng(f"kernel{seed}").normal(size=(6, 3))
    for name, kernel in KERNELS.items():
        options = {} if name != "Pairwise" else {"method": "richardson"}
        yield jacobian(f"kernel.{name}[{seed}]", lambda t, q=kernel: q.clone_with_theta(t)(X),
                       kernel.theta + .1 * seed,
                       lambda t, q=kernel: q.clone_with_theta(t)(X, eval_gradient=True)[1],
                       method="richardson", **{k: v for k, v in options.items() if k != "method"})


def processes(seed):
    from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
    r = rng(f"gp{seed}")
    X, y = r.normal(size=(12, 2)), r.normal(size=12)
    model = GaussianProcessRegressor(k.ConstantKernel(1.) * k.RBF([1., 2.]) + k.WhiteKernel(.3),
                                     optimizer=None).fit(X, y)
    yield scalar(f"GPR.log_marginal_likelihood[{seed}]",
                 lambda t: model.log_marginal_likelihood(t), model.kernel_.theta + .1,
                 lambda t: model.log_marginal_likelihood(t, eval_gradient=True)[1],
                 method="richardson")
    c = GaussianProcessClassifier(k.ConstantKernel(1.) * k.RBF([1., 2.]),
                                  optimizer=None).fit(X, y > 0)
    yield scalar(f"GPC.log_marginal_likelihood[{seed}]", lambda t: c.log_marginal_likelihood(t),
                 np.array([.2, .1, .5]),
                 lambda t: c.log_marginal_likelihood(t, eval_gradient=True)[1],
                 method="richardson")


LOSSES = {
    "HalfSquaredError": (losses.HalfSquaredError(), "real"),
    "AbsoluteError": (losses.AbsoluteError(), "real"),
    "PinballLoss": (losses.PinballLoss(quantile=.3), "real"),
    "HuberLoss": (losses.HuberLoss(delta=.8), "real"),
    "HalfPoissonLoss": (losses.HalfPoissonLoss(), "count"),
    "HalfGammaLoss": (losses.HalfGammaLoss(), "positive"),
    "HalfTweedieLoss": (losses.HalfTweedieLoss(power=1.5), "positive"),
    "HalfTweedieLoss0": (losses.HalfTweedieLoss(power=0), "positive"),
    "HalfTweedieLossIdentity": (losses.HalfTweedieLossIdentity(power=2.5), "raw>0"),
    "HalfBinomialLoss": (losses.HalfBinomialLoss(), "binary"),
    "ExponentialLoss": (losses.ExponentialLoss(), "binary"),
}


def targets(kind, r):
    return {"real": r.normal(size=7), "count": r.poisson(2., 7) * 1., "raw>0": r.gamma(2., size=7),
            "positive": r.gamma(2., size=7), "binary": r.integers(0, 2, 7) * 1.}[kind]


def loss_functions(seed):
    for name, (loss, kind) in LOSSES.items():
        r = rng(f"{name}{seed}")
        y = targets(kind, r)
        raw = r.gamma(2., size=7) if kind == "raw>0" else r.normal(size=7) * (1 + 2 * seed)
        yield elementwise(f"loss.{name}.gradient[{seed}]", lambda z, o=loss, y=y: o.loss(y, z),
                          raw_gradient(loss, y), raw, method="richardson")
        yield elementwise(f"loss.{name}.hessian[{seed}]", raw_gradient(loss, y),
                          lambda z, o=loss, y=y: o.gradient_hessian(y, z)[1], raw,
                          method="richardson")
    r = rng(f"multi{seed}")
    y, z = r.integers(0, 3, 6) * 1., r.normal(size=(6, 3))
    multi = losses.HalfMultinomialLoss(n_classes=3)
    yield jacobian(f"loss.HalfMultinomialLoss.gradient[{seed}]",
                   lambda z: multi.loss(y, z).sum(), z, lambda z: multi.gradient(y, z),
                   method="richardson")


def raw_gradient(loss, y):
    return lambda z: loss.gradient(y, z)


def linear(seed):
    r = rng(f"linear{seed}")
    X = r.normal(size=(9, 3))
    for name in ("HalfSquaredError", "HalfPoissonLoss", "HalfGammaLoss", "HalfBinomialLoss"):
        loss, kind = LOSSES[name]
        y = targets(kind, rng(f"{name}{seed}"))[[0, 1, 2, 3, 4, 5, 6, 0, 1]]
        model = LinearModelLoss(base_loss=loss, fit_intercept=True)
        yield scalar(f"linear.{name}[{seed}]",
                     lambda w, m=model, y=y: m.loss(w, X, y, l2_reg_strength=.3),
                     r.normal(size=4),
                     lambda w, m=model, y=y: m.gradient(w, X, y, l2_reg_strength=.3),
                     method="richardson")
    y = np.arange(9) % 3 * 1.
    model = LinearModelLoss(base_loss=losses.HalfMultinomialLoss(n_classes=3), fit_intercept=True)
    yield scalar(f"linear.HalfMultinomialLoss[{seed}]",
                 lambda w: model.loss(w, X, y, l2_reg_strength=.3), r.normal(size=(3, 4)),
                 lambda w: model.gradient(w, X, y, l2_reg_strength=.3), method="richardson")


def networks(seed):
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    r = rng(f"mlp{seed}")
    X, y = r.normal(size=(8, 3)), r.normal(size=8)
    for kind, target in ((MLPRegressor, y), (MLPClassifier, y > 0)):
        for act in ("tanh", "logistic", "identity", "relu"):
            model = kind(hidden_layer_sizes=(4,), activation=act, max_iter=1, alpha=.1,
                         random_state=seed)
            model.fit(X, target)
            yield network(f"{kind.__name__}.{act}[{seed}]", model, X, target)


def network(name, model, X, y):
    flat = np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])
    y = np.reshape(y, (-1, 1)) * 1.
    units = [X.shape[1], 4, 1]

    def both(flat):
        parts = np.split(flat, np.cumsum([w.size for w in model.coefs_ + model.intercepts_])[:-1])
        shaped = [p.reshape(w.shape) for p, w in zip(parts, model.coefs_ + model.intercepts_)]
        model.coefs_, model.intercepts_ = shaped[:2], shaped[2:]
        active = [X] + [np.empty((len(X), n)) for n in units[1:]]
        deltas = [np.empty_like(a) for a in active]
        coefs = [np.empty_like(w) for w in model.coefs_]
        bias = [np.empty_like(w) for w in model.intercepts_]
        loss, c, b = model._backprop(X, y, None, active, deltas, coefs, bias)
        return loss, np.concatenate([g.ravel() for g in list(c) + list(b)])
    return scalar(name, lambda w: both(w)[0], flat, lambda w: both(w)[1], method="richardson")


def embeddings(seed):
    from sklearn.manifold._t_sne import _kl_divergence
    from sklearn.neighbors import NeighborhoodComponentsAnalysis
    r = rng(f"tsne{seed}")
    P = r.uniform(size=10)
    P /= 2 * P.sum()
    for dims, dof in ((2, 1), (3, 2), (4, 3)):
        f = lambda e, d=dof, n=dims: _kl_divergence(np.array(e), P, d, 5, n)
        yield scalar(f"tsne({dims})[{seed}]", lambda e, f=f: f(e)[0], r.normal(size=5 * dims),
                     lambda e, f=f: f(e)[1],
                     lambda e, d=dof, n=dims: tsne_gradient(e, P, d, n), method="richardson")
    X, y = r.normal(size=(8, 3)), np.arange(8) % 2
    model = NeighborhoodComponentsAnalysis(2)
    model.n_iter_, mask = 1, y[:, None] == y
    both = lambda w: model._loss_grad_lbfgs(w, X, mask)
    yield scalar(f"NCA[{seed}]", lambda w: both(w)[0], r.normal(size=6), lambda w: both(w)[1],
                 method="richardson")


def tsne_gradient(e, P, dof, n):
    """4 sum_j (p - q) (e_i - e_j) / (1 + d / dof), times (dof + 1) / (2 dof)."""
    from scipy.spatial.distance import squareform
    e = np.reshape(e, (-1, n))
    gap = e[:, None] - e
    base = 1 + (gap ** 2).sum(-1) / dof
    w = base ** (-(dof + 1) / 2)
    np.fill_diagonal(w, 0)
    weight = (squareform(P) - w / w.sum()) / base
    return (2 * (dof + 1) / dof * (weight[..., None] * gap).sum(1)).ravel()


def checks():
    for seed in range(3):
        for part in (kernels, processes, loss_functions, linear, networks, embeddings):
            yield from part(seed)


WHY = {
    "tsne([34])*": ("mistake", "the kernel to the power of its exponent stands where 1 / (1 + "
                               "d/dof) belongs, wrong if degrees_of_freedom != 1"),
    "loss.AbsoluteError.hessian*": ("design", "the hessian is 1 by convention"),
    "loss.PinballLoss.hessian*": ("design", "the hessian is 1 by convention"),
}
