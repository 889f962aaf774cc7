"""thinc: backward passes of its layers and operations."""
import numpy as np
import thinc.api as T
from case import Case, elementwise, rng

PINS = "thinc==9.1.1 numpy==2.4.6"
LAYERS = {"Linear": lambda: T.Linear(4), "Relu": lambda: T.Relu(4), "Mish": lambda: T.Mish(4),
          "Gelu": lambda: T.Gelu(4), "Swish": lambda: T.Swish(4), "Dish": lambda: T.Dish(4),
          "HardSwish": lambda: T.HardSwish(4), "HardSwishMobilenet":
          lambda: T.HardSwishMobilenet(4), "ClippedLinear": lambda: T.ClippedLinear(4),
          "HardSigmoid": lambda: T.HardSigmoid(4), "HardTanh": lambda: T.HardTanh(4),
          "ReluK": lambda: T.ReluK(4), "Sigmoid": lambda: T.Sigmoid(4),
          "Maxout": lambda: T.Maxout(4, nP=3), "Softmax": lambda: T.Softmax(4),
          "LayerNorm": lambda: T.LayerNorm(4)}
OPS = "sigmoid relu relu_k hard_sigmoid hard_tanh swish hard_swish mish dish gelu".split()


def layer(name, make, seed, of):
    r = rng(f"{name}{seed}")
    X = r.normal(size=(5, 4)).astype("f4")
    m = make()
    m.initialize(X=X, Y=X)
    params = {p: (r.normal(size=m.get_param(p).shape) * .5 + .1).astype("f4")
              for p in m.param_names}

    def run(q):
        for p in m.param_names:
            m.set_param(p, np.asarray(q[p], "f4"))
            m.set_grad(p, np.zeros_like(m.get_param(p)))
        return m(np.asarray(q["X"], "f4"), is_train=True)
    q = {**params, "X": X}
    c = r.normal(size=run(q)[0].shape) + 1

    def grads(q, c):
        dX = run(q)[1](np.asarray(c, "f4"))
        return {**{p: m.get_grad(p).copy() for p in m.param_names}, "X": np.array(dX)}
    return Case(f"{name}[{seed}]", lambda q: run(q)[0].astype("f4"), q, grads,
                options={"cotangent": c.astype("f4"), "upcast": False, "wrt": of})


def checks():
    ops = T.NumpyOps()
    for seed in range(3):
        for name, make in LAYERS.items():
            for p in [*make().param_names, "X"]:
                yield layer(f"{name}.{p}", make, seed, p)
        x = rng(f"ops{seed}").normal(size=7) * 2
        for name in OPS:
            f, back = getattr(ops, name, None), getattr(ops, f"backprop_{name}", None)
            if f is None or back is None:
                continue
            many = name in ("sigmoid", "relu")
            df = (lambda x, f=f, b=back: b(np.ones((1, 7)), f(x[None]))[0]) if many else (
                lambda x, f=f, b=back: b(np.ones((1, 7)), x[None])[0])
            if name == "swish":
                df = lambda x, f=f, b=back: b(np.ones((1, 7)), x[None], f(x[None]))[0]
            yield elementwise(f"ops.{name}[{seed}]", lambda x, f=f: f(x[None].copy())[0], df, x,
                              method="richardson")


WHY = {
    "Dish.*": ("mistake", "backward hands the input, not X W + b, to backprop_dish"),
    "Softmax.*": ("design", "backward expects the gradient of the logits"),
    "ops.gelu*": ("approximation", "erf by a polynomial, 4e-6 off"),
}
