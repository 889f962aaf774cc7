"""mygrad: the `backward_var` of its operations."""
import mygrad as mg
import numpy as np
from case import Case, rng
from mygrad.nnet import activations, layers, losses

PINS = "mygrad==2.5.0 numpy==2.4.6"
UNARY = """exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh
arcsinh arctanh sqrt cbrt square reciprocal negative abs sinc csc sec cot csch sech coth""".split()
BINARY = """add subtract multiply divide power arctan2 logaddexp logaddexp2 maximum
minimum""".split()
REDUCE = "sum mean prod var std max min cumsum cumprod".split()
MOVE = {"transpose": mg.transpose, "swapaxes": lambda t: mg.swapaxes(t, 0, 1),
        "roll": lambda t: mg.roll(t, 1), "reshape": lambda t: mg.reshape(t, (4, 3)),
        "repeat": lambda t: mg.repeat(t, 2, 1), "squeeze": lambda t: mg.squeeze(t[None]),
        "getitem": lambda t: t[[0, 0, 1]], "where": lambda t: mg.where(t.data > 0, t, 0 * t),
        "clip": lambda t: mg.clip(t, -.5, .6), "concatenate": lambda t: mg.concatenate([t, t * t]),
        "stack": lambda t: mg.stack([t, 2 * t]), "einsum": lambda t: mg.einsum("ij,kj->ik", t, t),
        "matmul": lambda t: mg.matmul(t, mg.transpose(t)), "norm": lambda t: mg.linalg.norm(t),
        "norm3": lambda t: mg.linalg.norm(t, ord=3, axis=1),
        "broadcast": lambda t: mg.broadcast_to(t, (2, 3, 4)) * 2}


def back(name, f, x, options=None):
    x = np.asarray(x, float)
    c = rng(name).normal(size=np.shape(f(mg.tensor(x)).data)) + 2

    def grads(x, c=1.0):
        t = mg.tensor(np.array(x))
        mg.sum(f(t) * c).backward()
        return np.zeros_like(x) if t.grad is None else t.grad
    options = {"method": "richardson"} | ({"cotangent": c} if np.ndim(c) else {})
    return Case(name, lambda x: f(mg.tensor(np.array(x))).data, x, grads, options=options)


def checks():
    for k in range(2):
        r = rng(f"mygrad{k}")
        for name in UNARY:
            if hasattr(mg, name):
                yield back(f"{name}[{k}]", getattr(mg, name), r.uniform(.1, .9, 4))
        for name in BINARY:
            g, a, b = getattr(mg, name), r.uniform(.3, 2, (3, 1)), r.uniform(.3, 2, (1, 4))
            yield back(f"{name}.0[{k}]", lambda t, g=g, b=b: g(t, b), a)
            yield back(f"{name}.1[{k}]", lambda t, g=g, a=a: g(a, t), b)
        for name in REDUCE:
            x = r.normal(size=(3, 4))
            yield back(f"{name}[{k}]", getattr(mg, name), x)
            yield back(f"{name}.axis[{k}]", lambda t, g=getattr(mg, name): g(t, axis=1), x)
        for name, f in MOVE.items():
            yield back(f"{name}[{k}]", f, r.normal(size=(3, 4)))
        for name in ("elu", "glu", "hard_tanh", "leaky_relu", "logsoftmax", "relu", "selu",
                     "sigmoid", "softmax", "soft_sign", "tanh"):
            f = getattr(activations, name)
            f = {"elu": lambda t: activations.elu(t, 1.), "leaky_relu":
                 lambda t: activations.leaky_relu(t, .1)}.get(name, f)
            yield back(f"nnet.{name}[{k}]", f, r.normal(size=(3, 4)))
        y = np.array([0, 3, 1])
        for name in ("softmax_crossentropy", "negative_log_likelihood", "multiclass_hinge"):
            f = getattr(losses, name)
            yield back(f"nnet.{name}[{k}]", lambda t, f=f: f(t, y), r.normal(size=(3, 4)))
        yield back(f"nnet.focal_loss[{k}]", lambda t: losses.focal_loss(
            activations.softmax(t), y, alpha=.7, gamma=2.), r.normal(size=(3, 4)))
        yield back(f"nnet.softmax_focal_loss[{k}]", lambda t: losses.softmax_focal_loss(
            t, y, alpha=.7, gamma=2.), r.normal(size=(3, 4)))
        yield back(f"nnet.margin_ranking[{k}]", lambda t: losses.margin_ranking_loss(
            t, r.normal(size=(3, 4)) * 0 + .3, np.array([1, -1, 1]), margin=.4),
            r.normal(size=(3, 4)))
        w = r.normal(size=(2, 3, 2, 2))
        yield back(f"nnet.conv_nd.x[{k}]", lambda t: layers.conv_nd(t, w, stride=1, padding=1),
                   r.normal(size=(2, 3, 4, 4)))
        yield back(f"nnet.conv_nd.w[{k}]", lambda t: layers.conv_nd(
            np.arange(96.).reshape(2, 3, 4, 4) / 50, t, stride=2), w)
        yield back(f"nnet.max_pool[{k}]", lambda t: layers.max_pool(t, (2, 2), 2),
                   r.normal(size=(1, 2, 4, 4)))
        yield back(f"nnet.batchnorm[{k}]", lambda t: layers.batchnorm(
            t, gamma=np.array([1., 2.]), beta=np.array([0., 1.]), eps=1e-3),
            r.normal(size=(5, 2)))


WHY = {}
