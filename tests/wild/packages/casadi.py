"""CasADi: Jacobians of its operations for SX and MX, by all of their arguments."""
import casadi as ca
import numpy as np
from case import jacobian, rng

PINS = "casadi==3.8.2 numpy==2.4.6"

UNARY = """fabs sqrt sin cos tan sinh cosh tanh atan asinh exp log log10 log1p expm1 erf
sign""".split()
LIMITED = "asin acos atanh erfinv".split()
BINARY = "atan2 fmin fmax remainder copysign hypot power plus minus times rdivide".split()
MATRIX = {
    "norm_1": ca.norm_1, "norm_2": lambda x: ca.norm_2(ca.vec(x)), "norm_inf": ca.norm_inf,
    "norm_fro": ca.norm_fro, "logsumexp": lambda x: ca.logsumexp(ca.vec(x)), "mmin": ca.mmin,
    "mmax": ca.mmax, "sum1": ca.sum1, "cumsum": ca.cumsum, "diff": ca.diff, "sumsqr": ca.sumsqr,
    "kron": lambda x: ca.kron(x, x), "repmat": lambda x: ca.repmat(x, 2, 2), "pinv": ca.pinv,
    "repsum": lambda x: ca.repsum(x, 1, 3), "reshape": lambda x: ca.reshape(x, 3, 2) ** 2,
    "if_else": lambda x: ca.if_else(x > 0, x ** 2, -x), "mtimes": lambda x: ca.mtimes(x, x.T),
    "polyval": lambda x: ca.polyval(ca.DM([1, 2, 3]), x), "taken": lambda x: x[[0, 0, 1]],
    "dot": lambda x: ca.dot(x, x ** 2)}
SQUARE = {
    "det": ca.det, "inv": ca.inv, "trace": ca.trace, "diag": ca.diag, "triu": ca.triu,
    "bilin": lambda a: ca.bilin(a, a[:, 0], a[:, 1]), "symmetric": lambda a: ca.tril2symm(
        ca.tril(a)), "solve": lambda a: ca.solve(a, a[:, 0] ** 2),
    "upper": lambda a: ca.solve(ca.triu(a), a[:, 0] ** 2),
    "rank1": lambda a: ca.rank1(a, a[0, 0], a[:, 0], a[:, 1]), "skew": lambda a: ca.skew(a[:, 0]),
    "cross": lambda a: ca.cross(a[:, 0], a[:, 1])}
SOLVERS = ("qr", "lsqr", "symbolicqr")
GRID = [np.linspace(0, 1, 5), np.linspace(0, 2, 6)]


def of(name, op, x, kinds=("SX", "MX")):
    """A case for each kind of symbol; CasADi's arrays are matrices, ours are what x is."""
    for kind in kinds:
        symbol = getattr(ca, kind).sym("x", *x.shape)
        value = ca.vec(op(symbol))
        f = ca.Function("f", [symbol], [value])
        slope = ca.Function("J", [symbol], [ca.densify(ca.jacobian(value, ca.vec(symbol)))])
        yield jacobian(f"{name}.{kind}", lambda x, f=f: np.array(f(x)).ravel(), x,
                       lambda x, slope=slope: np.array(slope(x)).reshape(
                           -1, *x.shape[::-1]).swapaxes(1, 2), method="richardson")


def root(x):
    z, p = ca.MX.sym("z", 2), ca.MX.sym("p", 2)
    solver = ca.rootfinder("R", "newton", {"x": z, "p": p, "g": z ** 3 + z - p})
    return solver(ca.DM([.1, .1]), x)


def ode(x):
    s, p = ca.MX.sym("s"), ca.MX.sym("p")
    return ca.integrator("I", "rk", {"x": s, "p": p, "ode": -p * s + ca.sin(s)})(
        x0=x[0], p=x[1])["xf"]


def checks():
    for k in range(2):
        r = rng(f"casadi{k}")
        for name in UNARY:
            yield from of(f"{name}[{k}]", getattr(ca, name), r.uniform(.4, 1.9, (2, 3)))
        for name in LIMITED:
            yield from of(f"{name}[{k}]", getattr(ca, name), r.uniform(.1, .9, (2, 3)))
        for name in BINARY:
            yield from of(f"{name}[{k}]", lambda x, f=getattr(ca, name): f(x[:2, :], x[2:, :]),
                          r.uniform(.4, 1.9, (4, 3)))
        for name, op in MATRIX.items():
            yield from of(f"{name}[{k}]", op, r.normal(size=(2, 3)))
        for name, op in SQUARE.items():
            yield from of(f"{name}[{k}]", op, r.normal(size=(3, 3)) / 2 + 3 * np.eye(3))
        A = ca.DM(r.normal(size=(3, 3)) / 2 + 3 * np.eye(3))
        for solver in SOLVERS:
            yield from of(f"solve.{solver}[{k}]", lambda b, s=solver: ca.solve(A, b, s),
                          r.normal(size=(3, 2)), kinds=["MX"])
        yield from of(f"right.full[{k}]", lambda b: ca.solve(A, b), r.normal(size=(3, 2)))
        for name, part in (("upper", ca.triu(A)), ("lower", ca.tril(A))):
            yield from of(f"right.{name}[{k}]", lambda b, T=part: ca.solve(T, b),
                          r.normal(size=(3, 2)))
        for kind in ("linear", "bspline"):
            coefficients = r.normal(size=(30, 1))
            table = ca.interpolant("I", kind, GRID, coefficients.ravel())
            open_table = ca.interpolant("P", kind, GRID, 1)
            point = r.uniform(.3, .4, (2, 1))
            yield from of(f"interpolant.{kind}[{k}]", table, point, kinds=["MX"])
            yield from of(f"coefficients.{kind}[{k}]", lambda c, t=open_table, x=point: t(x, c),
                          coefficients, kinds=["MX"])
        yield from of(f"rootfinder[{k}]", root, r.uniform(.4, 1.9, (2, 1)), kinds=["MX"])
        yield from of(f"integrator[{k}]", ode, r.uniform(.4, 1.9, (2, 1)), kinds=["MX"])


WHY = {
    "right.upper*.MX": ("mistake", "zeros stand where the inverse of the triangle belongs"),
    "right.lower*.MX": ("mistake", "zeros stand where the inverse of the triangle belongs"),
    "coefficients*": ("mistake", "the derivative by them is always 0"),
    "erfinv*": ("approximation", "the function itself has seven digits"),
}
