"""Random differentiable programs with their gradients by reverse mode, in any precision.

A program is a tree of leaves, a chain of operations on each, a way to put the chains together, and
a head that makes one number of it.  Every operation is a pair

    forward(x, k) -> y        backward(x, y, dy, k) -> dx

with constants k in the precision of x.  In longdouble the same pairs are the truth.

    tame    sizes within a tensor 1/30 to 30, or one element up to 1000 times the others;
            an offset of f of at most 100
    wild    sizes 1e-12 to 1e12 within a tensor and among tensors, offsets up to 1e15, 0-d arrays
"""
from dataclasses import dataclass, field
from typing import Any

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def positive(x):
    return x.real > 0


# ---------------------------------------------------------------- element by element: (f, f')

GELU = 0.7978845608028654       # √(2/π)


def gelu_slope(x):
    u = GELU * (x + 0.044715 * x ** 3)
    t = np.tanh(u)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU * (1 + 3 * 0.044715 * x * x)


ELEMENTWISE = {
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "sin of 3 x": (lambda x: np.sin(3 * x), lambda x: 3 * np.cos(3 * x)),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "exp": (lambda x: np.exp(x / 4), lambda x: np.exp(x / 4) / 4),
    "gaussian": (lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x)),
    "odd bump": (lambda x: x * np.exp(-x * x), lambda x: (1 - 2 * x * x) * np.exp(-x * x)),
    "log(1 + x²)": (lambda x: np.log1p(x * x), lambda x: 2 * x / (1 + x * x)),
    "√(1 + x²)": (lambda x: np.sqrt(1 + x * x), lambda x: x / np.sqrt(1 + x * x)),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "arcsinh": (np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x)),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "cube": (lambda x: x ** 3, lambda x: 3 * x * x),
    "rational": (lambda x: x / (1 + x * x), lambda x: (1 - x * x) / (1 + x * x) ** 2),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "softplus": (lambda x: np.log1p(np.exp(x)), sigmoid),
    "gelu": (lambda x: 0.5 * x * (1 + np.tanh(GELU * (x + 0.044715 * x ** 3))), gelu_slope),
    "relu": (lambda x: np.where(positive(x), x, 0), lambda x: 1.0 * positive(x)),
    "leaky relu": (lambda x: np.where(positive(x), x, x / 8),
                   lambda x: np.where(positive(x), 1.0, 0.125)),
    "elu": (lambda x: np.where(positive(x), x, np.expm1(x)),
            lambda x: np.where(positive(x), 1.0, np.exp(x))),
    "x|x|": (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x)),
    "|x|": (np.abs, np.sign),
    "|x|³": (lambda x: np.abs(x) ** 3, lambda x: 3 * x * np.abs(x)),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "1/(2 + sin x)": (lambda x: 1 / (2 + np.sin(x)),
                      lambda x: -np.cos(x) / (2 + np.sin(x)) ** 2),
    "there and back": (lambda x: (x + 100) - 100, np.ones_like),
}


# ---------------------------------------------------------------- arrays: (forward, backward)

def normed_backward(x, y, dy, k):
    size = np.sqrt((x * x).sum(-1, keepdims=True) + 1)
    return (dy - y * (dy * y).sum(-1, keepdims=True)) / size


def layer_norm(x, k):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + 0.1)


def layer_norm_backward(x, y, dy, k):
    centred = x - x.mean(-1, keepdims=True)
    s = np.sqrt((centred * centred).mean(-1, keepdims=True) + 0.1)
    inner = dy - dy.mean(-1, keepdims=True) - y * (dy * y).mean(-1, keepdims=True)
    return inner / s


def scattered(x, dy, k):
    dx = np.zeros_like(x)
    np.add.at(dx, (slice(None), k["rows"]), dy)
    return dx


def sort_backward(x, y, dy, k):
    dx = np.empty_like(dy)
    np.put_along_axis(dx, np.argsort(x, -1), dy, -1)
    return dx


def largest(x):
    return np.arange(x.shape[-1]) == x.real.argmax(-1)[..., None]


ARRAYS = {
    "softmax": (lambda x, k: softmax(x),
                lambda x, y, dy, k: y * (dy - (dy * y).sum(-1, keepdims=True))),
    "log-softmax": (lambda x, k: x - x.real.max(-1, keepdims=True) - np.log(np.exp(
        x - x.real.max(-1, keepdims=True)).sum(-1, keepdims=True)),
        lambda x, y, dy, k: dy - softmax(x) * dy.sum(-1, keepdims=True)),
    "normalised": (lambda x, k: x / np.sqrt((x * x).sum(-1, keepdims=True) + 1), normed_backward),
    "layer norm": (layer_norm, layer_norm_backward),
    "centred": (lambda x, k: x - x.mean(-1, keepdims=True),
                lambda x, y, dy, k: dy - dy.mean(-1, keepdims=True)),
    "cumulated": (lambda x, k: np.cumsum(x, -1),
                  lambda x, y, dy, k: np.cumsum(dy[..., ::-1], -1)[..., ::-1]),
    "differences": (lambda x, k: x - np.roll(x, 1, -1),
                    lambda x, y, dy, k: dy - np.roll(dy, -1, -1)),
    "turned": (lambda x, k: x[..., ::-1] * k["row"],
               lambda x, y, dy, k: (dy * k["row"])[..., ::-1]),
    "weighted": (lambda x, k: x * k["table"], lambda x, y, dy, k: dy * k["table"]),
    "shifted": (lambda x, k: x + k["table"], lambda x, y, dy, k: dy),
    "linear": (lambda x, k: x @ k["square"], lambda x, y, dy, k: dy @ k["square"].T),
    "gathered": (lambda x, k: x[:, k["rows"]], lambda x, y, dy, k: scattered(x, dy, k)),
    "sorted": (lambda x, k: np.take_along_axis(x, np.argsort(x.real, -1), -1), sort_backward),
    "products": (lambda x, k: x * np.roll(x, 1, -1),
                 lambda x, y, dy, k: dy * np.roll(x, 1, -1) + np.roll(dy * x, -1, -1)),
    "gram": (lambda x, k: np.swapaxes(x, 0, 1) @ x @ k["square"],
             lambda x, y, dy, k: x @ (dy @ k["square"].T + k["square"] @ dy.T)),
}


# ---------------------------------------------------------------- heads: number and slope

def variance(x, k):
    return ((x - x.mean()) ** 2).mean()


def log_sum(x, k):
    top = x.real.max()
    return np.log(np.exp(x - top).sum()) + top


def log_sum_backward(x, k):
    e = np.exp(x - x.max())
    return e / e.sum()


HEADS = {
    "sum": (lambda x, k: x.sum(), lambda x, k: np.ones_like(x)),
    "mean": (lambda x, k: x.mean(), lambda x, k: np.ones_like(x) / x.dtype.type(x.size)),
    "weighted sum": (lambda x, k: (x * k["head"]).sum(), lambda x, k: k["head"] + 0 * x),
    "sum of squares": (lambda x, k: (x * x).sum(), lambda x, k: 2 * x),
    "mean square": (lambda x, k: (x * x).mean(), lambda x, k: 2 * x / x.dtype.type(x.size)),
    "sum of cubes": (lambda x, k: (x ** 3).sum(), lambda x, k: 3 * x * x),
    "log-sum-exp": (log_sum, log_sum_backward),
    "norm": (lambda x, k: np.linalg.norm(x.ravel()) if x.dtype.kind == "c" else np.sqrt(
        (x * x).sum()), lambda x, k: x / np.sqrt((x * x).sum())),
    "variance": (variance, lambda x, k: 2 * (x - x.mean()) / x.dtype.type(x.size)),
    "√(1 + Σx²)": (lambda x, k: np.sqrt(1 + (x * x).sum()),
                   lambda x, k: x / np.sqrt(1 + (x * x).sum())),
    "log(1 + Σx²)": (lambda x, k: np.log1p((x * x).sum()),
                     lambda x, k: 2 * x / (1 + (x * x).sum())),
    "absolute": (lambda x, k: np.abs(x).sum(), lambda x, k: np.sign(x)),
}

TOGETHER = ("a + b", "a b", "a / (1 + b²)", "a tanh b")      # with "one leaf" and "a - b c"


@dataclass
class Stage:
    """One operation on one chain."""

    forward: Any
    backward: Any
    constants: dict = field(default_factory=dict)


@dataclass
class Program:
    """f, the gradient in the precision of its leaves, and what it is made of."""

    params: Any
    chains: dict            # path -> stages
    together: list          # how the chains meet, in order
    head: str
    constants: dict
    offset: float
    factor: float
    text: str

    def f(self, p):
        """A number."""
        x = self._mixed([self._run(chain, p[path]) for path, chain in self.chains.items()])[-1]
        k = cast(self.constants, x)
        return self.offset + self.factor * HEADS[self.head][0](x, k)

    def gradient(self, p):
        """By reverse mode, in the precision of the leaves."""
        tapes = {path: self._tape(chain, p[path]) for path, chain in self.chains.items()}
        ends = [tape[-1] for tape in tapes.values()]
        met = self._mixed(ends)
        x = met[-1]
        factor = x.dtype.type(self.factor)
        slopes = self._unmixed(ends, met, factor * HEADS[self.head][1](x, cast(self.constants, x)))
        found = {}
        for (path, tape), dy in zip(tapes.items(), slopes):
            for stage, before, after in reversed(list(zip(self.chains[path], tape, tape[1:]))):
                k = cast(stage.constants, before)
                dy = stage.backward(before, after, dy.astype(before.dtype), k)
            found[path] = np.asarray(dy).reshape(np.shape(p[path])).astype(p[path].dtype)
        return found

    def truth(self, p):
        """The gradient in longdouble."""
        return self.gradient({path: x.astype(np.longdouble) for path, x in p.items()})

    def _tape(self, chain, x):
        tape = [np.atleast_2d(x)]
        for stage in chain:
            tape.append(stage.forward(tape[-1], cast(stage.constants, tape[-1])))
        return tape

    def _run(self, chain, x):
        return self._tape(chain, x)[-1]

    def _mixed(self, ends):
        met = [ends[0]]
        for way, b in zip(self.together, ends[1:]):
            a = met[-1]
            met.append({"a + b": lambda: a + b, "a b": lambda: a * b,
                        "a / (1 + b²)": lambda: a / (1 + b * b),
                        "a tanh b": lambda: a * np.tanh(b)}[way]())
        return met

    def _unmixed(self, ends, met, dy):
        slopes = []
        for way, b, a in reversed(list(zip(self.together, ends[1:], met))):
            if way == "a + b":
                da, db = dy, dy
            elif way == "a b":
                da, db = dy * b, dy * a
            elif way == "a / (1 + b²)":
                da, db = dy / (1 + b * b), -2 * dy * a * b / (1 + b * b) ** 2
            else:
                da, db = dy * np.tanh(b), dy * a * (1 - np.tanh(b) ** 2)
            slopes.append(db)
            dy = da
        return [dy] + slopes[::-1]


def cast(constants, x):
    """Constants as precise as x."""
    real = x.real.dtype
    return {name: k if k.dtype.kind in "iu" else k.astype(real) for name, k in constants.items()}


# ---------------------------------------------------------------- drawing

DTYPES = (np.float16, np.float32, np.float64, np.longdouble)
NARROW = {np.float16: 1e3}      # sizes that a dtype has room for


def draw(seed, wild):
    """A program and its leaves."""
    rng = np.random.default_rng([seed, int(wild)])
    count = int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
    n, d = int(rng.integers(1, 5)), int(rng.integers(2, 7))
    scalar = wild and rng.random() < 0.1
    paths = [str(path) for path in rng.permutation(["a", "w", "bias", "q"])[:count]]
    params, chains = {}, {}
    for path in paths:
        shape = () if scalar else (n, d)
        dtype = DTYPES[rng.choice(4, p=[0.1, 0.25, 0.55, 0.1])]
        params[path], unit = _leaf(rng, shape, dtype, wild)
        chains[path] = _chain(rng, np.atleast_2d(np.zeros(shape)).shape, unit)
    together = [str(rng.choice(TOGETHER)) for _ in paths[1:]]
    head = str(rng.choice(list(HEADS)))
    shape = _shapes(chains, params)
    if len(shape) > 1:                      # a chain changed its shape: let them all be alike
        chains = {path: [stage for stage in chain if not stage.constants.get("shape")]
                  for path, chain in chains.items()}
    final = next(iter(_shapes(chains, params)))
    offset = float(rng.choice([0, 0, 0, 1, 100]))
    factor = 1.0
    if wild:
        offset = float(rng.choice([0, 0, 1e3, 1e6, 1e9, 1e12, 1e15]) * rng.choice([-1, 1]))
        factor = float(10.0 ** rng.integers(-12, 13))
    text = f"seed {seed}: {head} of {', '.join(together) or 'one leaf'}, offset {offset:g}"
    return Program(params, chains, together, head, {"head": rng.normal(size=final)}, offset,
                   factor, text)


def _shapes(chains, params):
    shapes = set()
    for path, chain in chains.items():
        x = np.atleast_2d(params[path]).astype(float)
        for stage in chain:
            with np.errstate(all="ignore"):
                x = stage.forward(x, cast(stage.constants, x))
        shapes.add(x.shape)
    return shapes


def _leaf(rng, shape, dtype, wild):
    """Values of size 1, times a unit for each element."""
    x = rng.uniform(0.2, 2.0, shape) * rng.choice([-1.0, 1.0], shape)
    if wild:
        reach = np.log10(NARROW.get(dtype, 1e12))
        unit = 10.0 ** (rng.uniform(-reach, reach) + rng.uniform(-1, 1, shape) * (
            reach if rng.random() < 0.5 else 0))
        unit = np.clip(unit, 10.0 ** -reach, 10.0 ** reach)
    else:
        unit = 30.0 ** rng.uniform(-1, 1, shape)
        if rng.random() < 0.2 and x.size:
            unit = np.ones(shape)
            unit.flat[int(rng.integers(x.size))] = 10.0 ** rng.uniform(0, 3)
    return np.asarray(x * unit).astype(dtype), unit


def _chain(rng, shape, unit):
    """Zero to three operations; before them, now and then, each element in its unit."""
    stages = []
    if rng.random() < 0.7:
        scale = 1 / np.broadcast_to(unit, shape)
        stages.append(Stage(lambda x, k: x * k["scale"], lambda x, y, dy, k: dy * k["scale"],
                            {"scale": scale}))
    for _ in range(int(rng.integers(0, 4))):
        if rng.random() < 0.6:
            f, slope = ELEMENTWISE[str(rng.choice(list(ELEMENTWISE)))]
            stages.append(Stage(lambda x, k, f=f: f(x),
                                lambda x, y, dy, k, slope=slope: dy * slope(x)))
        else:
            stages.append(_array_stage(rng, shape))
    return stages


def _array_stage(rng, shape):
    name = str(rng.choice(list(ARRAYS)))
    if name == "gram":
        name = "linear"                     # the shape stays
    forward, backward = ARRAYS[name]
    n, d = shape
    return Stage(forward, backward, {
        "row": rng.normal(size=d), "table": rng.normal(size=shape),
        "square": rng.normal(size=(d, d)), "rows": rng.integers(0, d, d)})


def operations():
    """How many different ones there are."""
    return len(ELEMENTWISE) + len(ARRAYS) - 1 + len(HEADS) + len(TOGETHER)
