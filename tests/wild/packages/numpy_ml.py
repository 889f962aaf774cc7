"""numpy_ml: backward passes of layers, activations and losses; collections.Hashable is put back."""
import collections
import collections.abc

import numpy as np
from case import Case, elementwise, rng, scalar

collections.Hashable = collections.abc.Hashable
from numpy_ml.neural_nets import activations, layers, losses  # noqa: E402

PINS = "numpy-ml==0.1.2 numpy==2.4.6 scipy==1.17.1"
FLAT, IMAGE, LINE = (5, 4), (2, 4, 3, 2), (2, 5, 2)


class Steps:
    """A cell over all steps of its input: the layers RNN and LSTM cannot be made."""

    def __init__(self, cell):
        self.cell = cell

    def forward(self, X):
        ys = [self.cell.forward(X[:, :, t]) for t in range(X.shape[2])]
        return np.dstack([y[0] if isinstance(y, tuple) else y for y in ys])

    def backward(self, c):
        xs = [self.cell.backward(c[:, :, t]) for t in reversed(range(c.shape[2]))]
        return np.dstack([x[0] if isinstance(x, tuple) else x for x in xs[::-1]])


LAYERS = {
    **{f"FullyConnected.{act}": (lambda act=act: layers.FullyConnected(3, act), [FLAT])
       for act in ("Affine(slope=2, intercept=1)", "Tanh", "Sigmoid", "ReLU",
                   "Leaky ReLU(alpha=0.2)")},
    "Softmax": (lambda: layers.Softmax(), [FLAT]), "Add": (lambda: layers.Add("Tanh"), [FLAT] * 3),
    "Multiply": (lambda: layers.Multiply("Sigmoid"), [FLAT] * 3),
    "Flatten": (lambda: layers.Flatten(), [IMAGE]),
    "BatchNorm1D": (lambda: layers.BatchNorm1D(), [FLAT]),
    "BatchNorm2D": (lambda: layers.BatchNorm2D(), [IMAGE]),
    "LayerNorm1D": (lambda: layers.LayerNorm1D(), [FLAT]),
    "LayerNorm2D": (lambda: layers.LayerNorm2D(), [IMAGE]),
    "Conv1D": (lambda: layers.Conv1D(4, 3, pad=1, act_fn="Tanh"), [LINE]),
    "Conv1D.dilated": (lambda: layers.Conv1D(4, 2, dilation=1, act_fn="Tanh"), [LINE]),
    "Conv2D": (lambda: layers.Conv2D(2, (3, 2), pad=1, act_fn="Tanh"), [IMAGE]),
    "Conv2D.stride": (lambda: layers.Conv2D(2, (2, 2), stride=2, act_fn="Tanh"), [IMAGE]),
    "Deconv2D": (lambda: layers.Deconv2D(2, (2, 2), act_fn="Tanh"), [(1, 3, 2, 2)]),
    "Pool2D.max": (lambda: layers.Pool2D((2, 2), 2, 0, "max"), [(2, 4, 4, 2)]),
    "Pool2D.average": (lambda: layers.Pool2D((2, 2), 2, 0, "average"), [(2, 4, 4, 2)]),
    "RNNCell": (lambda: Steps(layers.RNNCell(3)), [(4, 3, 5)]),
    "LSTMCell": (lambda: Steps(layers.LSTMCell(3)), [(4, 3, 5)]),
}
LIST = ("Add", "Multiply")


def layer(name, seed):
    """By its inputs and by what it answers in `gradients`."""
    make, shapes = LAYERS[name]
    r = rng(f"{name}{seed}")
    inputs = {f"X{k}": r.normal(size=shape) for k, shape in enumerate(shapes)}

    def fed(m, xs):
        return m.forward(list(xs)) if name in LIST else m.forward(*xs)
    np.random.seed(seed)
    first = make()
    y = fed(first, [x.copy() for x in inputs.values()])
    weights = {} if not hasattr(getattr(first, "cell", first), "parameters") else {
        key: value for key, value in getattr(first, "cell", first).parameters.items()
        if isinstance(value, np.ndarray) and not key.startswith("running")}
    weights = {key: value + r.normal(size=value.shape) * .1 for key, value in weights.items()}
    c = r.normal(size=y.shape) + 1

    def run(p):
        np.random.seed(seed)
        m = make()
        fed(m, [x.copy() for x in inputs.values()])
        of = getattr(m, "cell", m)
        for key in weights:
            of.parameters[key][...] = p[key]
        of.flush_gradients()
        for key in of.derived_variables:
            if "accumulator" in key:        # flushed to [], where backward asks for None
                of.derived_variables[key] = None
        return m, fed(m, [p[key].copy() for key in inputs])

    def grads(p, c):
        m, _ = run(p)
        dX = m.backward(c.copy())
        dX = dX if isinstance(dX, (list, tuple)) else [dX]
        of = getattr(m, "cell", m)
        return {**dict(zip(inputs, dX)), **{key: of.gradients[key].reshape(weights[key].shape)
                                            for key in weights}}
    return Case(f"{name}[{seed}]", lambda p: run(p)[1], {**inputs, **weights}, grads,
                options={"cotangent": c, "method": "richardson"})


def functions(seed):
    x = rng(f"activation{seed}").normal(size=7) * 2
    for name in ("Sigmoid", "ReLU", "LeakyReLU", "Tanh", "Affine", "ELU", "Exponential", "SELU",
                 "HardSigmoid", "SoftPlus", "Identity"):
        act = getattr(activations, name)()
        yield elementwise(f"{name}.grad[{seed}]", lambda x, a=act: a.fn(x),
                          lambda x, a=act: a.grad(x), x, method="richardson")
        yield elementwise(f"{name}.grad2[{seed}]", lambda x, a=act: a.grad(x) * 1.0,
                          lambda x, a=act: a.grad2(x), x, method="richardson")


def objectives(seed):
    r = rng(f"loss{seed}")
    y, z = r.normal(size=(4, 3)), r.normal(size=(4, 3))
    act = activations.Tanh()
    yield scalar(f"SquaredError[{seed}]", lambda z: losses.SquaredError.loss(y, act.fn(z)), z,
                 lambda z: losses.SquaredError.grad(y, act.fn(z), z, act), method="richardson")
    hot = np.eye(3)[[0, 2, 1, 2]]

    def softmax(z):
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)
    yield scalar(f"CrossEntropy[{seed}]", lambda z: losses.CrossEntropy.loss(hot, softmax(z)), z,
                 lambda z: losses.CrossEntropy.grad(hot, softmax(z)), method="richardson")
    image, mean, log_var = r.uniform(size=(4, 5)), r.normal(size=(4, 2)), r.normal(size=(4, 2))
    p = {"y": r.uniform(.1, .9, size=(4, 5)), "log_var": log_var, "mean": mean}
    vae = losses.VAELoss
    yield Case(f"VAELoss[{seed}]", lambda p: vae.loss(image, p["y"], p["mean"], p["log_var"]), p,
               lambda p: dict(zip(p, vae.grad(image, p["y"], p["mean"], p["log_var"]))),
               options={"method": "richardson"})


def checks():
    for seed in range(2):
        for name in LAYERS:
            yield layer(name, seed)
        yield from functions(seed)
        yield from objectives(seed)


WHY = {}
