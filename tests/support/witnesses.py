"""Who witnesses: other ways to the same numbers, none of which shares code with the layer.

    along                   complex step: a derivative without a difference
    richardson              central differences, extrapolated
    Definition              reference.py in decimal, as many digits as it takes
    witness("scipy"), ...   libraries: one printed skip where absent, a failure where CI is "true"
    tools("cpp"), ...       compilers and interpreters, with what a port of a language needs: alike

The complex step goes through the layer, forward or backward, but knows nothing of its gradients.
[Squire, Trapp 1998, Using complex variables to estimate derivatives of real functions]
"""
import copy
import functools
import importlib
import math
import os
import subprocess
import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest

from npadasoft import Gradients, reference

ABSENT = os.environ.get("NPADASOFT_ABSENT", "").split()     # what CI may lack: see conftest.py
STEP = 2.0**-100        # a power of two: multiplying by it rounds nothing


def witness(name):
    """The module `name`, imported; without it one skip, and in CI a failure."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        (pytest.skip if name.split(".")[0] in ABSENT else without)(
            f"the witness {name} is absent ({error}): "
            "pip install 'npadasoft[test,peers,interop,plot,cluster]'")


def without(reason):
    """One skip for want of something, and in CI a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


# language -> what it takes, in order: (the program, what tries it, its input), Debian's package
TOOLS = {
    "python": [],
    "javascript": [(["node", "--version"], "", "nodejs")],
    "r": [(["Rscript", "--version"], "", "r-base-core"),
          (["Rscript", "-e", "library(jsonlite)"], "", "r-cran-jsonlite")],
    "octave": [(["octave-cli", "--version"], "", "octave")],
    "go": [(["go", "version"], "", "golang-go")],
    "a page in a browser": [(["chromium", "--version"], "", "chromium")],
    "g++": [(["g++", "--version"], "", "g++")],
    "cpp": [(["g++", "--version"], "", "g++"),
            (["g++", "-E", "-x", "c++", "-"], "#include <nlohmann/json.hpp>\n",
             "nlohmann-json3-dev")],
}


def tools(language):
    """Skip, and in CI fail, where a tool of a language is absent; the package is named."""
    missing = missing_package(language)
    if missing:
        without(f"{language} needs the package {missing} (the name is Debian's): "
                f"apt-get install {missing}")


@functools.cache
def missing_package(language):
    """The first package that a port in a language needs and that is not here, or None."""
    for argv, text, package in TOOLS[language]:
        try:
            done = subprocess.run(argv, input=text, text=True, capture_output=True, timeout=60)
        except OSError:
            return package
        if done.returncode:
            return package
    return None


# ------------------------------------------------------------------------ complex step

def along(function, layer, x, direction, h=STEP):
    """Derivative of function(layer, x) along `direction`, a `Gradients`: Im f(· + ihv) / h."""
    moved = layer.with_parameters(
        layer.parameters.map(lambda w, d: w + 1j * h * d, direction.parameters))
    return imaginary(function(moved, x + 1j * h * direction.input), h)


def imaginary(value, h):
    if isinstance(value, Gradients):
        return Gradients(imaginary(value.input, h), value.parameters.map(lambda d: d.imag / h))
    return np.imag(value) / h


def directions(layer, x, rng):
    """A random direction in the space of input and weights."""
    return Gradients(rng.standard_normal(x.shape),
                     layer.parameters.map(lambda w: rng.standard_normal(w.shape)))


def leaves(gradients):
    """{name: array}, "input" among them."""
    return {**dict(gradients.parameters.items()), "input": gradients.input}


def inner(a, b):
    """⟨a, b⟩ of two `Gradients`, summed exactly."""
    a, b = leaves(a), leaves(b)
    return math.fsum(v for k in a for v in (a[k] * b[k]).ravel())


def norm(a):
    return math.sqrt(inner(a, a))


def derivative_of(function, layer, x, name, index, h=STEP):
    """Derivative of function(layer, x) by one entry of the weight `name`, or of "input"."""
    zero = Gradients(np.zeros(x.shape), layer.parameters.map(lambda w: np.zeros(w.shape)))
    leaves(zero)[name][index] = 1
    return along(function, layer, x, zero, h)


# ------------------------------------------------------------------------ differences

def richardson(function, h=0.1, steps=6):
    """(derivative of `function` at 0, error): central differences, h halved, extrapolated to h = 0.

    The error is the larger of the last correction and of what rounding of the values, each to about
    an ulp, does to the smallest step.  [Richardson 1911; Ridders 1982]
    """
    table = []
    for k in range(steps):
        step = h / 2**k
        row = [(function(step) - function(-step)) / (2 * step)]
        for j, above in enumerate(table[-1] if table else []):
            row.append(row[-1] + (row[-1] - above) / (4.0**(j + 1) - 1))
        table.append(row)
    best, before = table[-1][-1], table[-1][-2]
    rounding = np.finfo(np.float64).eps * abs(function(0.0)) / step
    return best, np.maximum(abs(best - before), rounding)


# ------------------------------------------------------------------------ the definition in decimal

def log1p(s):
    """ln(1 + s), to the context's digits also where s is small: they are added before the sum."""
    if s == 0:
        return s
    with localcontext() as context:
        context.prec += max(0, -s.adjusted()) + 2
        result = (1 + s).ln()
    return +result


class Definition:
    """`reference.py` in decimal, of a layer's float weights as they are.

    Derivatives are central differences of one row's log-probability, of width 1e-25 and with 75
    digits beyond those that the smallest probability takes.  Their error is near 1e-50.
    """

    STEP = Decimal("1e-25")

    def __init__(self, layer, x):
        self.cutoffs = layer.cutoffs
        self.weights = {k: exact(w) for k, w in layer.parameters.items()}
        self.x = exact(x)
        logits = [reference.head_logits(row, self.weights) for row in self.x]
        logits += [reference.tail_logits(row, self.weights, i)
                   for row in self.x for i in range(layer.n_clusters)]
        spread = max((float(max(z) - min(z)) for z in logits), default=0.0)
        self.digits = 75 + math.ceil(spread / math.log(10))

    def log_prob(self):
        with localcontext() as context:
            context.prec = self.digits
            return [reference.log_prob(row, self.weights, self.cutoffs, Decimal.exp, log1p)
                    for row in self.x]

    def _output(self, n, y):
        return reference.output(self.x[n], y, self.weights, self.cutoffs, Decimal.exp, log1p)

    def output(self, targets):
        with localcontext() as context:
            context.prec = self.digits
            return [self._output(n, int(y)) for n, y in enumerate(targets)]

    def gradients(self, targets, q):
        """{name: nested list} of Σ q[n] output[n], for the weights and "input"."""
        with localcontext() as context:
            context.prec = self.digits
            rows = range(len(self.x))
            found = {name: self._by_entries(w, [(n, int(targets[n]), Decimal(float(q[n])))
                                                for n in rows])
                     for name, w in self.weights.items()}
            found["input"] = [self._by_entries(self.x[n], [(n, int(targets[n]),
                                                            Decimal(float(q[n])))]) for n in rows]
        return found

    def along(self, direction, function):
        """The derivative of function(definition) along {name: array}: a nested list.

        A central difference of what `function` answers of two definitions, moved to either side;
        with 25 digits more, for what it answers may be a difference itself.
        """
        up, down = (self._moved(direction, step) for step in (self.STEP, -self.STEP))
        with localcontext() as context:
            context.prec = up.digits
            return _combine(function(up), function(down), lambda a, b: (a - b) / (2 * self.STEP))

    def _moved(self, direction, step):
        other = copy.copy(self)
        other.digits = self.digits + 25
        with localcontext() as context:
            context.prec = other.digits
            place = {"input": self.x, **self.weights}
            moved = _combine(place, {name: exact(direction[name]) for name in place},
                             lambda a, d: a + step * d)
        other.x = moved.pop("input")
        other.weights = moved
        return other

    def _by_entries(self, place, rows):
        """The derivative by every number in the nested list `place`."""
        if place and isinstance(place[0], list):
            return [self._by_entries(inner_place, rows) for inner_place in place]
        return [self._by_entry(place, j, rows) for j in range(len(place))]

    def _by_entry(self, place, j, rows):
        kept, total = place[j], Decimal(0)
        for n, y, q in rows:
            place[j] = kept + self.STEP
            up = self._output(n, y)
            place[j] = kept - self.STEP
            total += q * (up - self._output(n, y)) / (2 * self.STEP)
        place[j] = kept
        return total


def _combine(a, b, function):
    """function of the numbers of two nested lists (or dicts of them), in their form."""
    if isinstance(a, dict):
        return {name: _combine(value, b[name], function) for name, value in a.items()}
    if isinstance(a, list):
        return [_combine(x, y, function) for x, y in zip(a, b)]
    return function(a, b)


def exact(a):
    """The numbers of an array as Decimals, digit for digit, in nested lists."""
    if np.ndim(a):
        return [exact(row) for row in a]
    return Decimal(float(a))


def as_longdouble(nested, shape):
    """A nested list of Decimals as an array of long doubles: head and remainder of each."""
    flat = []

    def collect(v):
        if isinstance(v, list):
            for w in v:
                collect(w)
        else:
            high = float(v)
            flat.append(np.longdouble(high) + np.longdouble(float(v - Decimal(high))))
    collect(nested)
    return np.array(flat, dtype=np.longdouble).reshape(shape)


# ------------------------------------------------------------------------ PyTorch

def torch_layer(layer):
    """PyTorch's own layer with the weights of `layer`, in its precision."""
    torch = witness("torch")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")      # hidden size 0
        peer = torch.nn.AdaptiveLogSoftmaxWithLoss(
            layer.in_features, layer.n_classes, list(layer.cutoffs[:-1]), layer.div_value,
            layer.head_bias, dtype=getattr(torch, layer.dtype.name))
    for tail, cluster in zip(peer.tail, layer.parameters.tail):     # it has none, but can hold one
        if cluster.output.bias is not None:
            tail[1].bias = torch.nn.Parameter(torch.from_numpy(np.array(cluster.output.bias)))
    peer.load_state_dict({k: torch.from_numpy(np.array(w)) for k, w in layer.parameters.items()})
    return peer


def torch_results(layer, x, y, grad_output=None, grad_loss=1.0):
    """{"output", "loss", "log_prob", "input", names of the weights: array} by PyTorch."""
    torch = witness("torch")
    peer, x = torch_layer(layer), torch.from_numpy(x).requires_grad_()
    output, loss = peer(x, torch.from_numpy(y))
    total = grad_loss * loss
    if grad_output is not None:
        total = total + (output * torch.from_numpy(grad_output)).sum()
    total.backward()
    found = {"output": output, "loss": loss, "log_prob": peer.log_prob(x), "input": x.grad}
    for name, w in peer.named_parameters():
        found[name] = torch.zeros_like(w) if w.grad is None else w.grad
    return {name: t.detach().numpy() for name, t in found.items()}
