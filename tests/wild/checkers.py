"""Who accepts a wrong gradient?  Gradient checkers at their defaults, on twelve gradients.

    python tests/wild/checkers.py                   in fresh environments, which are removed
    python tests/wild/checkers.py --here [NAME ...] with the packages of this Python

Four gradients are right, eight are wrong; each is a NumPy function and a gradient by hand, made
known to each framework by its own means of a custom derivative.  Tools that answer numbers instead
of a verdict are read by the rule that stands in `RULES`.  Checkers of one NumPy share an
environment; two environments are at work at a time.
"""
import argparse
import io
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent), str(HERE.parent / "support")]
SEEDS = 3
LIMIT = 300             # seconds for a row; a cell that is not reached by then says `late`
RULES = {"fiddy": "the fifty elements around the planted one",
         "no verdict": "INCONCLUSIVE of ours, a FloatingPointError of derivcheck",
         "scipy check_grad": "accepts if the number is below 1e-5",
         "scipy.differentiate": "np.allclose", "statsmodels": "np.allclose",
         "numdifftools": "np.allclose",
         "tensorflow": "accepts if no difference is above 1e-4, as its own tests mostly do"}


# ---------------------------------------------------------------- twelve gradients

def smooth(s):
    return (lambda x: s * np.sum(x * np.sin(x))), (lambda x: s * (np.sin(x) + x * np.cos(x)))


def one_off(g, size, of):
    """The gradient `g` with element 500 wrong by `size` of the largest, or of itself."""
    def wrong(x):
        found = g(x).copy()
        found[500] += size * (np.abs(found).max() if of == "largest" else found[500])
        return found
    return wrong


def small_sign(x):
    """sum(c sin x), where c is 1e-4 at element 500: that element's sign is lost."""
    c = np.ones(len(x))
    c[500] = 1e-4
    return (lambda x: np.sum(c * np.sin(x))), (lambda x: c * np.cos(x)), (
        lambda x: np.where(np.arange(len(x)) == 500, -1, 1) * c * np.cos(x))


def zeroed_row(x):
    """Rows of 20; row 25 counts 1e-4, and its gradient is zero."""
    c = np.ones(len(x))
    c[500:520] = 1e-4
    keep = np.ones(len(x))
    keep[500:520] = 0
    return (lambda x: np.sum(c * np.sin(x))), None, (lambda x: keep * c * np.cos(x))


def network(x):
    """A float32 network and weight decay in float64: right, and without the network."""
    X = np.random.default_rng(1).normal(size=(8, 100)).astype("f4")

    def f(w):
        return float(np.tanh(X @ w.reshape(100, -1).astype("f4")).sum()) + .05 * np.sum(w ** 2)

    def net(w):
        w = w.reshape(100, -1)
        return (X.T.astype(float) @ (1 - np.tanh(X @ w) ** 2)).ravel()
    return f, (lambda w: net(w) + .1 * w), (lambda w: .1 * w)


def gradients(seed):
    """name: (f, gradient, x, whether it is right)."""
    x = np.random.default_rng(seed).normal(size=1000)
    f, g = smooth(1.0)
    tiny, large, small, row, net = smooth(1e-8), smooth(1e8), small_sign(x), zeroed_row(x), \
        network(x)
    return {
        "right": (f, g, x, True), "right 1e-8": (*tiny, x, True), "right 1e8": (*large, x, True),
        "float32": (net[0], net[1], x, True),
        "1e-4 big": (f, one_off(g, 1e-4, "largest"), x, False),
        "1% own": (f, one_off(g, 1e-2, "own"), x, False),
        "small sign": (small[0], small[2], x, False), "zero row": (row[0], row[2], x, False),
        "zeros 1e-8": (tiny[0], lambda x: 0 * x, x, False),
        "double 1e-8": (tiny[0], lambda x: 2 * tiny[1](x), x, False),
        "1e-4 at 1e8": (large[0], one_off(large[1], 1e-4, "largest"), x, False),
        "no data": (net[0], net[2], x, False)}


# ---------------------------------------------------------------- the checkers

def npadasoft(f, g, x, seed):
    from npadasoft import gradcheck
    return {"PASS": True, "FAIL": False}.get(gradcheck.check(f, x, g, seed=seed).verdict)


def torch_slow(f, g, x, seed):
    from torch_rule import torch_accepts
    return torch_accepts(f, g, x, seed, fast=False)


def torch_fast(f, g, x, seed):
    from torch_rule import torch_accepts
    return torch_accepts(f, g, x, seed, fast=True)


def jax(f, g, x, seed):
    import jax as j
    j.config.update("jax_enable_x64", True)
    from jax.test_util import check_grads

    def call(of, like):
        return lambda x: j.pure_callback(lambda x: np.asarray(of(np.asarray(x)), float), like, x)
    value = call(f, j.ShapeDtypeStruct((), float))
    slope = call(g, j.ShapeDtypeStruct(x.shape, float))
    function = j.custom_vjp(value)
    function.defvjp(lambda x: (value(x), x), lambda x, c: (c * slope(x),))
    np.random.seed(seed)
    return passes(check_grads, function, (j.numpy.asarray(x),), order=1, modes=["rev"])


def autograd(f, g, x, seed):
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads
    function = primitive(f)
    defvjp(function, lambda ans, x: lambda c: c * g(x))
    np.random.seed(seed)
    return passes(check_grads(function, modes=["rev"], order=1), x)


def chainer(f, g, x, seed):
    import chainer as ch
    from chainer import gradient_check
    np.random.seed(seed)

    class Function(ch.FunctionNode):
        def forward(self, inputs):
            self.retain_inputs((0,))
            return np.array(f(inputs[0])),

        def backward(self, indexes, gy):
            slope, = self.get_retained_inputs()
            return ch.Variable(g(slope.data)) * ch.functions.broadcast_to(gy[0], slope.shape),
    return passes(gradient_check.check_backward, lambda x: Function().apply((x,))[0], x, None)


def pytensor(f, g, x, seed):
    import pytensor.gradient
    import pytensor.tensor as pt
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op
    pytensor.config.cxx = ""
    pytensor.config.mode = "FAST_COMPILE"

    class Slope(Op):
        def make_node(self, x):
            return Apply(self, [pt.as_tensor(x)], [pt.dvector()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = np.asarray(g(inputs[0]))

    class Function(Op):
        def make_node(self, x):
            return Apply(self, [pt.as_tensor(x)], [pt.dscalar()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = np.asarray(f(inputs[0]))

        def pullback(self, inputs, outputs, cotangents):
            return [cotangents[0] * Slope()(inputs[0])]

        def L_op(self, inputs, outputs, cotangents):
            return [cotangents[0] * Slope()(inputs[0])]
    return passes(pytensor.gradient.verify_grad, Function(), [x],
                  rng=np.random.default_rng(seed))


def tensorflow(f, g, x, seed):
    import tensorflow as tf

    def call(of):
        return lambda x: tf.numpy_function(lambda x: np.asarray(of(x), float), [x], tf.float64)

    @tf.custom_gradient
    def function(x):
        slope = tf.reshape(call(g)(x), x.shape)
        return tf.reshape(call(f)(x), ()), lambda upstream: upstream * slope
    (by_hand,), (numeric,) = tf.test.compute_gradient(function, [x])
    return np.abs(by_hand - numeric).max() < 1e-4


def mxnet_operator(f, g):
    """Registers f with its gradient g as the operator "by_hand"."""
    import mxnet as mx

    class Operator(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            value = np.full(1, f(in_data[0].asnumpy()))
            self.assign(out_data[0], req[0], mx.nd.array(value, dtype=in_data[0].dtype))

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            slope = g(in_data[0].asnumpy()) * out_grad[0].asnumpy()
            self.assign(in_grad[0], req[0], mx.nd.array(slope, dtype=in_data[0].dtype))

    class Property(mx.operator.CustomOpProp):
        def infer_shape(self, shapes):
            return shapes, [(1,)], []

        def create_operator(self, *_):
            return Operator()
    mx.operator.register("by_hand")(Property)
    return mx.sym.Custom(mx.sym.Variable("x"), op_type="by_hand")


def mxnet(f, g, x, seed, **options):
    from mxnet.test_utils import check_numeric_gradient
    np.random.seed(seed)
    return passes(check_numeric_gradient, mxnet_operator(f, g), {"x": x}, **options)


def mxnet_float64(f, g, x, seed):
    return mxnet(f, g, x, seed, dtype=np.float64)


def openmdao(f, g, x, seed):
    import openmdao.api as om
    from openmdao.utils.assert_utils import assert_check_partials

    class Component(om.ExplicitComponent):
        def setup(self):
            self.add_input("x", x)
            self.add_output("y", 0.0)
            self.declare_partials("y", "x")

        def compute(self, inputs, outputs):
            outputs["y"] = f(inputs["x"])

        def compute_partials(self, inputs, partials):
            partials["y", "x"] = g(inputs["x"])[None]
    problem = om.Problem(reports=False)
    problem.model.add_subsystem("c", Component())
    problem.setup()
    problem.run_model()
    return passes(assert_check_partials, problem.check_partials(out_stream=None))


def derivcheck(f, g, x, seed):
    from derivcheck import assert_deriv
    try:
        return passes(assert_deriv, f, g, x)
    except FloatingPointError:              # f is too noisy for it, it says
        return None


def fiddy(f, g, x, seed):
    from fiddy import MethodId, get_derivative
    from fiddy.derivative_check import NumpyIsCloseDerivativeCheck
    from fiddy.success import Consistency
    found = get_derivative(function=lambda x: np.asarray(f(x)), point=x, sizes=[1e-3, 1e-5],
                           method_ids=[MethodId.FORWARD, MethodId.BACKWARD, MethodId.CENTRAL],
                           direction_indices=list(range(480, 530)),
                           success_checker=Consistency())
    return bool(NumpyIsCloseDerivativeCheck(derivative=found, expectation=g(x)[480:530],
                                            point=x)().success)


def scipy_check_grad(f, g, x, seed):
    from scipy.optimize import check_grad
    return check_grad(f, g, x) < 1e-5


def scipy_differentiate(f, g, x, seed):
    from scipy.differentiate import jacobian
    many = lambda x: np.apply_along_axis(f, 0, x)
    return np.allclose(jacobian(many, x).df, g(x))


def statsmodels(f, g, x, seed):
    from statsmodels.tools.numdiff import approx_fprime
    return np.allclose(approx_fprime(x, f), g(x))


def numdifftools(f, g, x, seed):
    import numdifftools as nd
    return np.allclose(nd.Gradient(f)(x), g(x))


def passes(check, *args, **options):
    """Whether `check` raises nothing: an AssertionError and its like are a refusal."""
    try:
        check(*args, **options)
    except Exception as error:
        if isinstance(error, (AssertionError, ValueError)) or "Grad" in type(error).__name__:
            return False
        raise
    return True


# name: the checker and what pip installs for it, the NumPy last
CHECKERS = {
    "npadasoft": (npadasoft, "numpy==2.4.6"),
    "torch slow": (torch_slow, "torch==2.13.0 numpy==2.4.6"),
    "torch fast": (torch_fast, "torch==2.13.0 numpy==2.4.6"),
    "jax check_grads": (jax, "jax==0.10.2 numpy==2.4.6"),
    "autograd check_grads": (autograd, "autograd==1.9.1 numpy==2.4.6"),
    "chainer check_backward": (chainer, "chainer==7.8.1 setuptools==65.5.0 numpy==1.23.5"),
    "pytensor verify_grad": (pytensor, "pytensor==3.0.7 numpy==2.4.6"),
    "tensorflow": (tensorflow, "tensorflow-cpu==2.21.0 numpy==2.4.6"),
    "mxnet": (mxnet, "mxnet==1.9.1 numpy==1.23.5"),
    "mxnet float64": (mxnet_float64, "mxnet==1.9.1 numpy==1.23.5"),
    "openmdao": (openmdao, "openmdao==3.45.1 numpy==2.4.6"),
    "derivcheck": (derivcheck, "derivcheck==1.1.5 numpy==2.4.6"),
    "fiddy": (fiddy, "fiddy==0.0.4 numpy==2.4.6"),
    "scipy check_grad": (scipy_check_grad, "scipy==1.17.1 numpy==2.4.6"),
    "scipy.differentiate": (scipy_differentiate, "scipy==1.17.1 numpy==2.4.6"),
    "statsmodels": (statsmodels, "statsmodels==0.15.0 numpy==2.4.6"),
    "numdifftools": (numdifftools, "numdifftools==0.11.2 numpy==2.4.6"),
}


def cell(checker, name):
    """ok, ACCEPTS, ACCUSES, no verdict, each with how often if not always; or that it raised."""
    words = []
    for seed in range(SEEDS):
        f, g, x, right = gradients(seed)[name]
        try:
            found = checker(f, g, x, seed)
        except Exception as error:
            print(f"{name}, seed {seed}: {type(error).__name__}: {error}"[:300], file=sys.stderr)
            return "raises"
        words.append("no verdict" if found is None else "ok" if bool(found) == right else
                     "ACCUSES" if right else "ACCEPTS")
    worst = next(word for word in ("ACCUSES", "ACCEPTS", "no verdict", "ok") if word in words)
    return worst + f" {words.count(worst)}/{SEEDS}" * (words.count(worst) < SEEDS)


def cells(name):
    """Prints a line for each gradient as soon as it is known, with the packages of this Python."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for one in gradients(0):
            with redirect_stdout(io.StringIO()):
                found = cell(CHECKERS[name][0], one)
            print(found, flush=True)


def row(name, python=sys.executable):
    """The line of one checker, by `cells` in a process of its own."""
    start = time.perf_counter()
    try:
        versions = made(name, python)
        out = subprocess.run([python, __file__, "--cells", name], check=True, timeout=LIMIT,
                             stdout=subprocess.PIPE).stdout
    except subprocess.TimeoutExpired as late:
        out = late.stdout or b""
    except subprocess.CalledProcessError as error:
        return f"{name:23}  not run: status {error.returncode}"
    found = out.decode().split("\n")[:-1]
    found += ["late"] * (len(gradients(0)) - len(found))
    return f"{name:23}" + "".join(f"{one:>14}" for one in found) \
        + f"  {versions}, {time.perf_counter() - start:.0f} s"


def made(name, python):
    """The versions that are installed of what `name` pins."""
    pins = [pin.split("==")[0] for pin in CHECKERS[name][1].split()]
    ask = "import sys, importlib.metadata as m; print(*(m.version(a) for a in sys.argv[1:]))"
    done = subprocess.run([python, "-c", ask, *pins], check=True, stdout=subprocess.PIPE,
                          text=True)
    return ", ".join(map(" ".join, zip(pins, done.stdout.split())))


def fresh(names):
    """Their lines from one new virtual environment with all that they pin, which is removed."""
    from run import environment
    pins = sorted({pin for name in names for pin in CHECKERS[name][1].split()})
    with tempfile.TemporaryDirectory(prefix="checkers-") as folder:
        try:
            python = environment(folder, pins)
        except subprocess.CalledProcessError as error:
            return {name: f"{name:23}  not run: {error}" for name in names}
        return {name: row(name, python) for name in names}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=", ".join(CHECKERS))
    parser.add_argument("--here", action="store_true", help="make no environment")
    parser.add_argument("--cells", metavar="NAME", help="one row, a line for each of its cells")
    ask = parser.parse_args(argv)
    if ask.cells:
        cells(ask.cells)
        return
    from run import checker
    names, start = ask.names or list(CHECKERS), time.perf_counter()
    if ask.here:
        lines = {name: row(name) for name in names}
    else:
        numpys = {}
        for name in names:
            numpys.setdefault(CHECKERS[name][1].split()[-1], []).append(name)
        with ThreadPoolExecutor(2) as two:
            lines = {k: v for part in two.map(fresh, numpys.values()) for k, v in part.items()}
    print(f"{date.today()}  Python {sys.version.split()[0]}, ours of commit {checker()}; 1,000 "
          f"elements, {SEEDS} seeds; the first four gradients are right; "
          f"{time.perf_counter() - start:.0f} s, environments included")
    print(f"{'':23}" + "".join(f"{n:>14}" for n in gradients(0)))
    print(*(lines[name] for name in names), sep="\n")
    print(*(f"{name}: {rule}" for name, rule in RULES.items()),
          f"late: not reached in the {LIMIT} s of a row", sep="\n")


if __name__ == "__main__":
    main()
