"""umap-learn: the gradients beside the distances, by which `UMAP(output_metric=...)` descends."""
import numpy as np
from case import rng, scalar
from umap import distances as dist

PINS = "umap-learn==0.5.12 numpy==2.4.6"
SIMPLEX = {"hellinger", "ll_dirichlet", "symmetric_kl"}


def points(name, seed):
    r = rng(f"{name}{seed}")
    x, y = r.normal(size=(2, 4))
    if name in SIMPLEX:
        x, y = r.uniform(0.1, 0.9, size=(2, 4))
    if name == "haversine":
        x, y = x[:2], y[:2]
    if name in ("poincare", "hyperboloid"):
        x, y = x / 4, y / 4
    sizes = {"spherical_gaussian_energy": 3, "diagonal_gaussian_energy": 4, "gaussian_energy": 5}
    if name in sizes:           # a mean, widths, an angle
        x, y = r.uniform(0.3, 1.5, size=(2, sizes[name]))
    return x, y


def arguments(name):
    s = np.array([1.0, 2.0, 0.5, 3.0])
    m = np.array([[2, .3, 0, 0], [.3, 1, .1, 0], [0, .1, 3, .2], [0, 0, .2, 1.5]])
    return {"standardised_euclidean": (s,), "seuclidean": (s,), "mahalanobis": (m,),
            "weighted_minkowski": (s, 3), "wminkowski": (s, 3), "minkowski": (3,)}.get(name, ())


def checks():
    done = set()
    for name, grad in sorted(dist.named_distances_with_gradients.items()):
        if grad in done:
            continue
        done.add(grad)
        for seed in range(2):
            x, y = points(name, seed)
            call = lambda x, g=grad, y=y, m=arguments(name): g(x, y.copy(), *m)
            yield scalar(f"{name}[{seed}]", lambda x, c=call: c(x)[0], x,
                         lambda x, c=call: c(x)[1][:len(x)].astype(float), RIGHT.get(name) and (
                             lambda x, r=RIGHT[name], y=y: r(x, y)), method="richardson")


def braycurtis(x, y):
    total = np.abs(x + y).sum()
    return (np.sign(x - y) - np.abs(x - y).sum() / total * np.sign(x + y)) / total


def symmetric_kl(x, y):
    total, x, y = (x + 1e-11).sum(), (x + 1e-11) / (x + 1e-11).sum(), y + 1e-11
    y = y / y.sum()
    slope = (np.log(x / y) + 1 - y / x) / 2
    return (slope - slope @ x) / total


def gaussian_energy(x, y):
    """With S = cov(x) + cov(y) and m = the difference of means: m' S^-1 m + log det S."""
    def cov(w, h, angle, widths=(1, 1), turned=False):
        c, s = np.cos(angle), np.sin(angle)
        if turned:                          # its derivative by the angle
            return (h - w) * np.array([[2 * c * s, s * s - c * c], [s * s - c * c, -2 * c * s]])
        a, b = w * widths[0], h * widths[1]
        return np.array([[a * c * c + b * s * s, (a - b) * s * c],
                         [(a - b) * s * c, a * s * s + b * c * c]])
    inverse = np.linalg.inv(cov(*x[2:]) + cov(*y[2:]))
    m = inverse @ (x[:2] - y[:2])
    slope = lambda d: np.trace(inverse @ d) - m @ d @ m
    return np.array([*(2 * m), slope(cov(1, 0, x[4])), slope(cov(0, 1, x[4])),
                     slope(cov(*x[2:], turned=True))])


RIGHT = {"gaussian_energy": gaussian_energy, "braycurtis": braycurtis, "symmetric_kl": symmetric_kl}
SMALL = ("approximation", "1e-6 is added to the divisor of the gradient alone")
FLOAT32 = ("approximation", "1e-8 is added to a divisor, or the gradient is kept in float32")
WHY = {
    "braycurtis*": ("mistake", "the sign of x + y is missing: wrong where a sum is negative"),
    "symmetric_kl*": ("mistake", "the derivative by y is answered for that by x, without the "
                                 "normalisation"),
    "gaussian_energy*": ("mistake", "the derivative of log det is missing"),
    "correlation*": FLOAT32, "cosine*": FLOAT32, "diagonal*": FLOAT32, "*minkowski*": FLOAT32,
    "softmax*": FLOAT32, "ll_*": FLOAT32, "spherical*": FLOAT32, "hyperboloid*": FLOAT32,
    "seuclidean*": SMALL, "standardised*": SMALL, "euclidean*": SMALL, "haversine*": SMALL,
}
