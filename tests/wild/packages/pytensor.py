"""PyTensor: the `pullback` of its operations, by each of their arguments."""
import os

os.environ["PYTENSOR_FLAGS"] = "cxx=,mode=FAST_COMPILE"    # what is looked at needs no C compiler

import numpy as np    # noqa: E402
import pytensor    # noqa: E402
import pytensor.tensor as pt    # noqa: E402
import scipy.linalg    # noqa: E402
from case import Case, rng    # noqa: E402
from pytensor.tensor import linalg, signal, special    # noqa: E402

PINS = "pytensor==3.0.7 scipy==1.17.1 numpy==2.4.6"

# where an argument is drawn from, and its shape
POSITIVE, UNIT, LARGE, ANY = (.4, 1.9), (.1, .9), (2, 9), (-2, 2)
UNARY = {
    "exp exp2 expm1 sin cos tan sinh cosh tanh arctan arcsinh": (POSITIVE, UNIT, ANY, LARGE),
    "abs square sigmoid softplus erfcx sign": (POSITIVE, UNIT, ANY, LARGE),
    "log log2 log10 log1p sqrt reciprocal gamma gammaln psi tri_gamma j0 j1 i0 i1":
        (POSITIVE, UNIT, LARGE),
    "erf erfc": (POSITIVE, UNIT, ANY), "arcsin arccos arctanh erfinv erfcinv": (UNIT,),
    "arccosh": (LARGE,), "log1mexp": ((-2, -.1),)}
BINARY = {
    "power": (POSITIVE, ANY), "arctan2": (ANY, ANY), "logaddexp": (ANY, ANY), "maximum": (ANY, ANY),
    "minimum": (ANY, ANY), "mod": (POSITIVE, POSITIVE), "gammainc": (POSITIVE, POSITIVE),
    "gammaincc": (POSITIVE, POSITIVE), "chi2sf": (POSITIVE, POSITIVE), "owens_t": (UNIT, UNIT),
    "true_div": (ANY, POSITIVE)}
SEVERAL = {"betainc": (POSITIVE, POSITIVE, UNIT), "hyp2f1": (POSITIVE, POSITIVE, POSITIVE, UNIT)}
ORDERED = {"jv": pt.jv, "iv": pt.iv, "polygamma": pt.polygamma, "kn": pt.kn}    # by x alone
REDUCED = {
    "sum": pt.sum, "mean": pt.mean, "prod": pt.prod, "max": pt.max, "min": pt.min, "var": pt.var,
    "std": pt.std, "cumsum": pt.cumsum, "cumprod": pt.cumprod, "sort": pt.sort,
    "logsumexp": pt.logsumexp, "softmax": special.softmax, "log_softmax": special.log_softmax,
    "median": pt.median}
MATRIX = {
    **{mode: lambda x, mode=mode: pt.pad(x, ((1, 1), (2, 1)), mode=mode)
       for mode in ("reflect", "symmetric", "wrap", "linear_ramp")},
    "take": lambda x: pt.take(x, [0, 2, 2], axis=1), "tile": lambda x: pt.tile(x, (2, 2)),
    "repeat": lambda x: pt.repeat(x, [1, 0, 3, 1], axis=1), "roll": lambda x: pt.roll(x, 1, axis=1),
    "diagonal": lambda x: pt.diagonal(x, 1), "einsum": lambda x: pt.einsum("ij,kj->ik", x, x),
    "norm": linalg.norm, "norm1": lambda x: linalg.norm(x, 1), "norm2": lambda x: linalg.norm(x, 2),
    "nuclear": lambda x: linalg.norm(x, "nuc"), "norm3": lambda x: linalg.norm(x, 3, axis=1),
    "singular": lambda x: linalg.svd(x, full_matrices=False)[1], "pinv": linalg.pinv,
    "logit": lambda x: special.logit(pt.sigmoid(x)), "poch": lambda x: special.poch(x**2 + 1, .3)}
SQUARE = {
    "inverse": linalg.inv, "det": linalg.det, "slogdet": lambda a: linalg.slogdet(a)[1],
    "trace": linalg.trace, "expm": lambda a: linalg.expm(a / 4),
    "power3": lambda a: linalg.matrix_power(a, 3), "eigenvalues": lambda a: linalg.eigh(a + a.T)[0],
    "cholesky": lambda a: linalg.cholesky(a + a.T),
    "upper": lambda a: linalg.cholesky(a + a.T, lower=False), "lu": lambda a: linalg.lu(a)[2],
    "lu_factor": lambda a: linalg.lu_factor(a)[0], "kron": lambda a: linalg.kron(a, a[:2]),
    "block": lambda a: linalg.block_diag(a, a @ a)}
PAIRS = {
    "solve": linalg.solve, "solve pos": lambda a, b: linalg.solve(a + a.T, b, assume_a="pos"),
    "solve sym": lambda a, b: linalg.solve(a + a.T, b, assume_a="sym"),
    "triangular": lambda a, b: linalg.solve_triangular(a, b, lower=True),
    "unit": lambda a, b: linalg.solve_triangular(a, b, lower=True, unit_diagonal=True),
    "trans": lambda a, b: linalg.solve_triangular(a, b, lower=False, trans=1),
    "cho_solve": lambda a, b: linalg.cho_solve((a, True), b),
    "lu_solve": lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b),
    "lyapunov": lambda a, b: linalg.solve_continuous_lyapunov(a, b @ b.T),
    "discrete": lambda a, b: linalg.solve_discrete_lyapunov(a / 8, b @ b.T)}
MOVED = {
    "full": lambda a, b: signal.convolve2d(a, b, mode="full"),
    "same": lambda a, b: signal.convolve2d(a, b, mode="same"),
    "valid": lambda a, b: signal.convolve2d(a, b, mode="valid"),
    "inc": lambda a, b: pt.inc_subtensor(a[[0, 0, 1], :2], b),
    "set": lambda a, b: pt.set_subtensor(a[1:4, 1:3], b),
    "tensordot": lambda a, b: pt.tensordot(a[:, :2], b, [[1], [1]]),
    "switch": lambda a, b: pt.switch(pt.gt(a[:3, :2], 0), b**2, a[:3, :2])}


def of(name, op, arguments, only=None):
    """A case for each argument: the others are constants."""
    symbols = [pt.TensorType("float64", (None,) * np.ndim(x))() for x in arguments]
    value = op(*symbols)
    f = pytensor.function(symbols, value)
    c = rng(name).normal(size=f(*arguments).shape) + 2 if value.ndim else np.array(1.0)
    for k, symbol in enumerate(symbols):
        if only is not None and k != only:
            continue
        slope = pytensor.function(symbols, pytensor.grad((value * c).sum(), symbol))

        def at(x, k=k, of=f):
            return of(*arguments[:k], np.array(x), *arguments[k + 1:])

        options = {"method": "richardson"} | ({"cotangent": c} if c.ndim else {})
        yield Case(f"{name}.{k}", at, np.asarray(arguments[k], float),
                   lambda x, _c=None, at=at, slope=slope: at(x, of=slope), options=options)


def checks():
    r = rng("pytensor")
    for names, ranges in UNARY.items():
        for name in names.split():
            for k, where in enumerate(ranges):
                yield from of(f"{name}[{k}]", getattr(pt, name), [r.uniform(*where, (2, 3))])
    for k in range(2):
        for name, ranges in (BINARY | SEVERAL).items():
            yield from of(f"{name}[{k}]", getattr(pt, name),
                          [r.uniform(*where, (2, 3)) for where in ranges])
        for name, op in ORDERED.items():
            yield from of(f"{name}[{k}]",
                          lambda x, op=op: op(k + 1, x), [r.uniform(*POSITIVE, (2, 3))])
        for name, op in REDUCED.items():
            yield from of(f"{name}[{k}]", lambda x, op=op: op(x, axis=k), [r.normal(size=(3, 5))])
        for name, op in MATRIX.items():
            yield from of(f"{name}[{k}]", op, [r.normal(size=(3, 4))])
        for name, op in SQUARE.items():
            yield from of(f"{name}[{k}]", op, [r.normal(size=(3, 3)) / 2 + 3 * np.eye(3)])
        for name, op in PAIRS.items():
            near_three = r.normal(size=(3, 3)) / 2 + 3 * np.eye(3)
            yield from of(f"{name}[{k}]", op, [near_three, r.normal(size=(3, 2))])
        for name, op in MOVED.items():
            yield from of(f"{name}[{k}]", op, [r.normal(size=(5, 4)), r.normal(size=(3, 2))])
        factor = scipy.linalg.cho_factor(np.cov(r.normal(size=(3, 9))) + np.eye(3), lower=True)[0]
        yield from of(f"cho_factor[{k}]", PAIRS["cho_solve"], [factor, np.ones((3, 2))], only=0)


WHY = {
    "cho_solve*.0": ("mistake", "multiplies by all of the factor, of which one triangle is read"),
    "cho_factor*.0": ("mistake", "multiplies by all of the factor, of which one triangle is read"),
    "gammainc*.0": ("approximation", "a series that is stopped early"),
    "chi2sf*.1": ("approximation", "a series that is stopped early"),
    "norm3*": ("mistake", "the power is a third in float32, and one less of it another number")}
