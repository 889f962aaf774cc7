"""Ten small layers with gradients written by hand, and the mistakes people make in them.

    N rows   D features   K outputs or classes   H hidden size   V vocabulary   T positions

Each layer has `draw(rng, dtype, scale)` -> params, `f(params)` -> arrays, and
`grads(params, cotangent, slip)` -> gradients, where `slip` names one of `slips`: a mistake written
into the backward pass, with the tensors it makes wrong.  `GENERIC` are mistakes for any tensor.
"""
from dataclasses import dataclass
from functools import cache
from typing import Callable

import numpy as np

from npadasoft import AdaptiveLogSoftmaxWithLoss


@dataclass(frozen=True)
class PlantedLayer:
    name: str
    draw: Callable
    f: Callable
    grads: Callable
    slips: dict             # slip -> the tensors it makes wrong


def normal(rng, dtype, scale, *shape):
    return (scale * rng.normal(size=shape)).astype(dtype)


def softmax(z):
    """Shifted by the real maximum: analytic."""
    e = np.exp(z - z.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_backward(p, dp):
    return p * (dp - (p * dp).sum(-1, keepdims=True))


# ---------------------------------------------------------------- 1 linear: x W + b

def draw_linear(rng, dtype, scale):
    return {"x": normal(rng, dtype, scale, 5, 4), "weight": normal(rng, dtype, scale, 4, 3),
            "bias": normal(rng, dtype, scale, 3)}


def linear(p):
    return p["x"] @ p["weight"] + p["bias"]


def linear_grads(p, c, slip=None):
    dbias = c.mean(0) if slip == "bias mean" else c.sum(0)
    if slip == "bias of the first row":
        dbias = c[0].copy()
    dweight = p["x"].T @ c / (len(c) if slip == "weight mean" else 1)
    return {"x": c @ p["weight"].T, "weight": dweight, "bias": dbias}


# ---------------------------------------------------------------- 2 softmax(z / temperature)

def draw_softmax(rng, dtype, scale):
    return {"z": normal(rng, dtype, scale, 4, 5), "temperature": dtype(1.5)}


def tempered(p):
    return softmax(p["z"] / p["temperature"])


def tempered_grads(p, c, slip=None):
    a = softmax(p["z"] / p["temperature"])
    da = softmax_backward(a, c)
    if slip == "no sum":
        da = a * c
    if slip == "diagonal only":
        da = a * (1 - a) * c
    if slip == "over the wrong axis":
        da = a * (c - (a * c).sum(0))
    dz = da if slip == "no chain" else da / p["temperature"]
    return {"z": dz, "temperature": a.dtype.type(-(da * p["z"]).sum() / p["temperature"] ** 2)}


# ---------------------------------------------------------------- 3 layer norm

NORM_EPS = 1e-5


def draw_layer_norm(rng, dtype, scale):
    return {"x": normal(rng, dtype, scale, 4, 6), "gain": normal(rng, dtype, scale, 6),
            "shift": normal(rng, dtype, scale, 6)}


def standardise(x):
    centred = x - x.mean(-1, keepdims=True)
    inverse = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + NORM_EPS)
    return centred * inverse, inverse


def layer_norm(p):
    return standardise(p["x"])[0] * p["gain"] + p["shift"]


def layer_norm_grads(p, c, slip=None):
    n, inverse = standardise(p["x"])
    dn = c * p["gain"]
    inner = dn
    if slip != "mean not differentiated":
        inner = inner - dn.mean(-1, keepdims=True)
    if slip != "variance not differentiated":
        inner = inner - n * (dn * n).mean(-1, keepdims=True)
    if slip == "biased by n - 1":
        inner = dn - dn.mean(-1, keepdims=True) - n * (dn * n).sum(-1, keepdims=True) / 5
    dgain = (c * p["x"] if slip == "gain of the raw input" else c * n).sum(0)
    return {"x": inverse * inner, "gain": dgain, "shift": c.sum(0)}


# ---------------------------------------------------------------- 4 attention

def draw_attention(rng, dtype, scale):
    return {"q": normal(rng, dtype, scale, 3, 4), "k": normal(rng, dtype, scale, 5, 4),
            "v": normal(rng, dtype, scale, 5, 2)}


def attention(p):
    return softmax(p["q"] @ p["k"].T / 2.0) @ p["v"]


def attention_grads(p, c, slip=None):
    a = softmax(p["q"] @ p["k"].T / 2.0)
    da = c @ p["v"].T
    ds = a * da if slip == "softmax without its sum" else softmax_backward(a, da)
    ds = ds if slip == "scale forgotten" else ds / 2.0
    dk = ds.T @ p["q"]
    if slip == "keys permuted":
        dk = dk[::-1].copy()
    dv = softmax(p["q"] @ p["k"].T).T @ c if slip == "values unscaled" else a.T @ c
    return {"q": ds @ p["k"], "k": dk, "v": dv}


# ---------------------------------------------------------------- 5 embedding

def draw_embedding(rng, dtype, scale):
    ids = np.concatenate([[0, 0, 6], rng.integers(0, 6, 5)])
    return {"table": normal(rng, dtype, scale, 7, 3), "position": normal(rng, dtype, scale, 8, 3),
            "ids": ids}


def embedding(p):
    rows = p["table"][p["ids"]]
    return rows * p["position"] + rows


def embedding_grads(p, c, slip=None):
    rows = p["table"][p["ids"]]
    drows = c * p["position"] if slip == "residual forgotten" else c * p["position"] + c
    dtable = np.zeros_like(p["table"])
    if slip == "repeated rows overwrite":
        dtable[p["ids"]] = drows
    elif slip == "off by one row":
        np.add.at(dtable, (p["ids"] + 1) % len(dtable), drows)
    else:
        np.add.at(dtable, p["ids"], drows)
    dposition = c * rows[::-1] if slip == "positions reversed" else c * rows
    return {"table": dtable, "position": dposition, "ids": None}


# ---------------------------------------------------------------- 6 convolution

def draw_convolution(rng, dtype, scale):
    return {"image": normal(rng, dtype, scale, 5, 6), "kernel": normal(rng, dtype, scale, 2, 3, 3),
            "bias": normal(rng, dtype, scale, 2)}


def windows(image):
    return np.lib.stride_tricks.sliding_window_view(image, (3, 3))      # (3, 4, 3, 3)


def convolution(p):
    return (np.einsum("ijab,oab->oij", windows(p["image"]), p["kernel"])
            + p["bias"][:, None, None])


def convolution_grads(p, c, slip=None):
    dkernel = np.einsum("ijab,oij->oab", windows(p["image"]), c)
    if slip == "kernel flipped":
        dkernel = dkernel[:, ::-1, ::-1].copy()
    kernel = p["kernel"][:, ::-1, ::-1] if slip == "image by flipped kernel" else p["kernel"]
    dimage = np.zeros_like(p["image"])
    for a in range(3):
        for b in range(3):
            part = np.einsum("oij,o->ij", c, kernel[:, a, b])
            rows = slice(a, a + 3)
            dimage[rows, b:b + 4] += part
    if slip == "border dropped":
        dimage[0] = 0
    dbias = c.sum((1, 2)) / (12 if slip == "bias mean" else 1)
    return {"image": dimage, "kernel": dkernel, "bias": dbias}


# ---------------------------------------------------------------- 7 log-sum-exp

def draw_log_sum_exp(rng, dtype, scale):
    return {"z": normal(rng, dtype, scale, 4, 5), "prior": normal(rng, dtype, scale, 5)}


def log_sum_exp(p):
    z = p["z"] + p["prior"]
    top = z.real.max(-1, keepdims=True)
    return np.log(np.exp(z - top).sum(-1)) + top[:, 0]


def log_sum_exp_grads(p, c, slip=None):
    a = softmax(p["z"] + p["prior"])
    if slip == "prior forgotten":
        a = softmax(p["z"])
    if slip == "one at the maximum":
        a = a - (a == a.max(-1, keepdims=True))
    if slip == "not normalised":
        a = np.exp(p["z"] + p["prior"] - (p["z"] + p["prior"]).max(-1, keepdims=True))
    dz = a * c[:, None]
    return {"z": dz, "prior": dz.mean(0) if slip == "prior mean" else dz.sum(0)}


# ---------------------------------------------------------------- 8 LSTM cell

def draw_lstm(rng, dtype, scale):
    return {"x": normal(rng, dtype, scale, 3, 2), "h": normal(rng, dtype, scale, 3, 3),
            "c": normal(rng, dtype, scale, 3, 3), "w": normal(rng, dtype, scale, 12, 2),
            "u": normal(rng, dtype, scale, 12, 3), "b": normal(rng, dtype, scale, 12)}


def sigmoid(z):
    """Without overflow, and analytic."""
    e = np.exp(np.where(z.real < 0, z, -z))
    return np.where(z.real < 0, e, 1) / (1 + e)


def sigmoid_backward(z, dy):
    e = np.exp(np.where(z.real < 0, z, -z))
    return dy * (e / ((1 + e) * (1 + e)))


def tanh_backward(z, dy):
    e = np.exp(np.where(z.real < 0, 2 * z, -2 * z))
    return dy * (4 * e / ((1 + e) * (1 + e)))


def lstm(p):
    i, f, g, o = np.split(p["x"] @ p["w"].T + p["h"] @ p["u"].T + p["b"], 4, -1)
    c = sigmoid(f) * p["c"] + sigmoid(i) * np.tanh(g)
    return {"h": sigmoid(o) * np.tanh(c), "c": c}


def lstm_grads(p, cotangent, slip=None):
    i, f, g, o = np.split(p["x"] @ p["w"].T + p["h"] @ p["u"].T + p["b"], 4, -1)
    c = sigmoid(f) * p["c"] + sigmoid(i) * np.tanh(g)
    dh = cotangent["h"]
    dc = tanh_backward(c, dh * sigmoid(o))
    if slip != "cotangent of c dropped":
        dc = dc + cotangent["c"]
    di = sigmoid_backward(i, dc * np.tanh(g))
    df = sigmoid_backward(f, dc * (c if slip == "new c for old" else p["c"]))
    dg = tanh_backward(g, dc * sigmoid(i))
    do = sigmoid_backward(o, dh * np.tanh(c))
    order = [di, df, do, dg] if slip == "gates in another order" else [di, df, dg, do]
    dz = np.concatenate(order, -1)
    return {"x": dz @ p["w"], "h": dz @ p["u"],
            "c": dc * (sigmoid(i) if slip == "input gate for forget gate" else sigmoid(f)),
            "w": dz.T @ p["x"], "u": dz.T @ p["h"], "b": dz.sum(0)}


# ---------------------------------------------------------------- 9 L2 normalisation

def draw_l2(rng, dtype, scale):
    return {"x": normal(rng, dtype, scale, 4, 5), "gain": normal(rng, dtype, scale, 5)}


def l2(p):
    return p["x"] / np.sqrt((p["x"] * p["x"]).sum(-1, keepdims=True)) * p["gain"]


def l2_grads(p, c, slip=None):
    length = np.sqrt((p["x"] * p["x"]).sum(-1, keepdims=True))
    y, dy = p["x"] / length, c * p["gain"]
    along = 0 if slip == "length held constant" else y * (y * dy).sum(-1, keepdims=True)
    if slip == "projection on x, not on y":
        along = p["x"] * (y * dy).sum(-1, keepdims=True)
    dx = (dy + along if slip == "wrong sign of the projection" else dy - along)
    dx = dx / (length * length if slip == "length squared" else length)
    return {"x": dx, "gain": (c * y).sum(0)}


# ---------------------------------------------------------------- 10 the adaptive softmax

CLASSES = 12


def draw_adaptive(rng, dtype, scale):
    layer = AdaptiveLogSoftmaxWithLoss(4, CLASSES, [3, 7], div_value=2.0, head_bias=True,
                                       dtype=dtype, rng=rng)
    return {"input": normal(rng, dtype, scale, CLASSES + 2, 4),
            "parameters": layer.parameters.map(lambda w: w * dtype(scale)),
            "target": np.concatenate([np.arange(CLASSES), [3, 3]])}


@cache
def _empty(dtype):
    return AdaptiveLogSoftmaxWithLoss(4, CLASSES, [3, 7], div_value=2.0, head_bias=True,
                                      dtype=dtype)


def _adaptive(p):
    return _empty(p["input"].dtype).with_parameters(p["parameters"])


def adaptive(p):
    return _adaptive(p)(p["input"], p["target"]).output


def adaptive_grads(p, c, slip=None):
    layer, target = _adaptive(p), p["target"]
    _, cache = layer.forward(p["input"], target)
    if slip == "last class left out":
        c = np.where(target == CLASSES - 1, 0, c).astype(c.dtype)
    found = layer.backward(cache, grad_output=c, grad_loss=0.0)
    parameters, dx = found.parameters, found.input
    if slip == "tail forgets the input":
        dx = np.where((target >= 3)[:, None], 0, dx)
    if slip == "bias mean":
        bias = parameters.head.bias / len(target)
        parameters = parameters.map(lambda g: bias if g is parameters.head.bias else g)
    return {"input": dx, "parameters": parameters}


ALL_ADAPTIVE = ("input", "parameters.head.weight", "parameters.head.bias",
                "parameters.tail.1.0.weight", "parameters.tail.1.1.weight")

LAYERS = [
    PlantedLayer("linear", draw_linear, linear, linear_grads, {
        "bias mean": ("bias",), "bias of the first row": ("bias",), "weight mean": ("weight",)}),
    PlantedLayer("softmax", draw_softmax, tempered, tempered_grads, {
        "no sum": ("z", "temperature"), "diagonal only": ("z", "temperature"),
        "over the wrong axis": ("z", "temperature"), "no chain": ("z",)}),
    PlantedLayer("layer norm", draw_layer_norm, layer_norm, layer_norm_grads, {
        "mean not differentiated": ("x",), "variance not differentiated": ("x",),
        "biased by n - 1": ("x",), "gain of the raw input": ("gain",)}),
    PlantedLayer("attention", draw_attention, attention, attention_grads, {
        "softmax without its sum": ("q", "k"), "scale forgotten": ("q", "k"),
        "keys permuted": ("k",), "values unscaled": ("v",)}),
    PlantedLayer("embedding", draw_embedding, embedding, embedding_grads, {
        "residual forgotten": ("table",), "repeated rows overwrite": ("table",),
        "off by one row": ("table",), "positions reversed": ("position",)}),
    PlantedLayer("convolution", draw_convolution, convolution, convolution_grads, {
        "kernel flipped": ("kernel",), "image by flipped kernel": ("image",),
        "border dropped": ("image",), "bias mean": ("bias",)}),
    PlantedLayer("log-sum-exp", draw_log_sum_exp, log_sum_exp, log_sum_exp_grads, {
        "prior forgotten": ("z", "prior"), "one at the maximum": ("z", "prior"),
        "not normalised": ("z", "prior"), "prior mean": ("prior",)}),
    PlantedLayer("LSTM cell", draw_lstm, lstm, lstm_grads, {
        "cotangent of c dropped": ("x", "h", "c", "w", "u", "b"),
        "new c for old": ("x", "h", "w", "u", "b"),
        "gates in another order": ("x", "h", "w", "u", "b"),
        "input gate for forget gate": ("c",)}),
    PlantedLayer("L2 normalisation", draw_l2, l2, l2_grads, {
        "length held constant": ("x",), "projection on x, not on y": ("x",),
        "wrong sign of the projection": ("x",), "length squared": ("x",)}),
    PlantedLayer("adaptive softmax", draw_adaptive, adaptive, adaptive_grads, {
        "last class left out": ALL_ADAPTIVE, "tail forgets the input": ("input",),
        "bias mean": ("parameters.head.bias",)}),
]


# ---------------------------------------------------------------- mistakes for any tensor

def _largest(g):
    return np.unravel_index(np.argmax(np.abs(g)), g.shape)


def _element(size):
    def plant(g):
        g = np.array(g)
        g[_largest(g)] += size * np.abs(g).max()
        return g
    return plant


def _pair(size):
    def plant(g):
        g = np.array(g)
        flat, d = g.reshape(-1), size * np.abs(g).max()
        flat[0] += d
        if flat.size > 1:
            flat[-1] -= d
        return flat.reshape(g.shape)
    return plant


def generic(dtype):
    """Mistakes for any tensor whose gradient is not zero, sized for the precision."""
    small = 1e-9 if dtype == np.float64 else 1e-3
    return {"sign": lambda g: -g, "factor 2": lambda g: g * g.dtype.type(2),
            "zero": lambda g: np.zeros_like(g), f"times 1 + {small:g}":
            lambda g: g * g.dtype.type(1 + small),
            f"largest element off by {small:g}": _element(small),
            f"pair off by {small:g}": _pair(small)}


# ---------------------------------------------------------------- the problem of the figures

ALS_CUTOFFS = [8, 20, 40]       # 16 rows, 12 features, 40 classes: 562 numbers with the input


def als(seed=0, scale=1.0, dtype=np.float64, plain=True):
    """(f, params, grads, target) of the adaptive softmax loss; targets hit every boundary.

    f is the layer's own, or written out: a third of the time, and a witness of its own.
    """
    rng = np.random.default_rng(seed)
    layer = AdaptiveLogSoftmaxWithLoss(12, 40, [8, 20], div_value=2.0, head_bias=True, dtype=dtype,
                                       rng=rng)
    target = np.concatenate([[0, 3, 7, 8, 19, 20, 39], rng.integers(0, 40, 9)])
    params = {"input": normal(rng, dtype, scale, 16, 12),
              "parameters": layer.parameters.map(lambda w: (w * scale).astype(dtype))}

    def adaptive_softmax_loss(p):
        return layer.with_parameters(p["parameters"])(p["input"], target).loss

    def grads(p):
        own = layer.with_parameters(p["parameters"])
        _, cache = own.forward(p["input"], target)
        found = own.backward(cache)
        return {"input": found.input, "parameters": found.parameters}

    return als_loss(target) if plain else adaptive_softmax_loss, params, grads, target


def als_loss(target):
    """The loss, written out, of parameters that may be complex."""
    n = len(target)
    columns = np.where(target < 8, target, np.where(target < 20, 8, 9))
    tails = [(i, low, np.flatnonzero((low <= target) & (target < high)))
             for i, (low, high) in enumerate(zip(ALS_CUTOFFS, ALS_CUTOFFS[1:]))]

    def adaptive_softmax_loss(p):
        x, w = p["input"], dict(p["parameters"].items())
        total = log_softmax(x @ w["head.weight"].T + w["head.bias"], columns).sum()
        for i, low, rows in tails:
            z = x[rows] @ w[f"tail.{i}.0.weight"].T @ w[f"tail.{i}.1.weight"].T
            total = total + log_softmax(z, target[rows] - low).sum()
        return -total / n
    return adaptive_softmax_loss


def log_softmax(z, columns):
    """Of each row, at its column."""
    z = z - z.real.max(-1, keepdims=True)
    return z[np.arange(len(z)), columns] - np.log(np.exp(z).sum(-1))


def als_backward(p, target, slip=None):
    """The same gradient, written out, so that a slip can be put anywhere; by path."""
    x, w = p["input"], dict(p["parameters"].items())
    n = len(x)
    mean = 1 if slip == "sum for mean" else n
    columns = np.where(target < 8, target, np.where(target < 20, 8, 9))
    dz = softmax(x @ w["head.weight"].T + w["head.bias"])
    dz[np.arange(n), (columns + (slip == "one-hot off by one")) % 10] -= 1
    dz /= mean
    g = {"head.weight": dz.T @ x, "head.bias": dz.sum(0)}
    dx = 0 * x if slip == "input without head" else dz @ w["head.weight"]
    for i, (low, high) in enumerate(zip(ALS_CUTOFFS, ALS_CUTOFFS[1:])):
        rows = np.flatnonzero((low <= target) & (target < high))
        p0, u = w[f"tail.{i}.0.weight"], w[f"tail.{i}.1.weight"]
        dt = softmax(x[rows] @ p0.T @ u.T)
        if slip != "one-hot missing for clusters":
            dt[np.arange(len(rows)), target[rows] - low] -= 1
        dt /= mean
        g[f"tail.{i}.1.weight"] = dt.T @ (x[rows] @ p0.T)
        g[f"tail.{i}.0.weight"] = (dt @ u).T @ x[rows]
        if slip == "per-cluster mean" and i == 0:
            g["tail.0.0.weight"] *= n / len(rows)
        if slip != "input without tail":
            dx[rows] += dt @ u @ p0
    _als_surface(slip, g, n)
    g = {f"parameters.{path}": array for path, array in g.items()}
    g["input"] = 0 * dx if slip == "input zero" else dx
    return {path: -array if slip == "sign" else array for path, array in g.items()}


def _als_surface(slip, g, n):
    """Slips that change a finished gradient."""
    w = g["head.weight"]
    if slip == "factor 2":
        w *= 2
    if slip == "transposed":
        g["tail.0.0.weight"] = np.ascontiguousarray(g["tail.0.0.weight"].T).reshape(
            g["tail.0.0.weight"].shape)
    if slip in ("bias zero", "bias mean"):
        g["head.bias"] = g["head.bias"] * (0 if slip == "bias zero" else 1 / n)
    if slip in ("relative 1e-6", "relative 1e-9"):
        w *= 1 + float(slip.split()[1])
    if slip == "one element 1e-12":
        g["tail.1.1.weight"][4, 1] += 1e-12
    if slip == "rows rolled":
        g["head.weight"] = np.roll(w, 1, 0)
    if slip == "pair 1e-10":
        w[2, 3] += 1e-10
        w[5, 1] -= 1e-10
    if slip == "class dropped":
        w[3] = 0


_P = "parameters."
_ALL = ("input", _P + "head.weight", _P + "head.bias", _P + "tail.0.0.weight",
        _P + "tail.0.1.weight", _P + "tail.1.0.weight", _P + "tail.1.1.weight")
ALS_SLIPS = {       # slip: (tensors it makes wrong, kind of the hint at the first, words in it)
    "sum for mean": (_ALL, "factor", "sum instead of mean"),
    "sign": (_ALL, "factor", "the sign"),
    "factor 2": ((_P + "head.weight",), "factor", "a factor 2"),
    "per-cluster mean": ((_P + "tail.0.0.weight",), "factor", "of a group"),
    "transposed": ((_P + "tail.0.0.weight",), "transposed", "transposed"),
    "bias zero": ((_P + "head.bias",), "zero", "zero everywhere"),
    "bias mean": ((_P + "head.bias",), "factor", "1/16"),
    "relative 1e-6": ((_P + "head.weight",), "factor", "1 + 1.0e-06"),
    "relative 1e-9": ((_P + "head.weight",), "factor", "1 + 1.0e-09"),
    "one element 1e-12": ((_P + "tail.1.1.weight",), "single", "[4, 1]"),
    "rows rolled": ((_P + "head.weight",), "rolled", "+1 along axis 0"),
    "pair 1e-10": ((_P + "head.weight",), "pair", "[2, 3] and [5, 1]"),
    "class dropped": ((_P + "head.weight",), "lines", "only row 3 is wrong, and zero"),
    "input zero": (("input",), "zero", "zero everywhere"),
    "input without head": (("input",), None, ""),
    "input without tail": (("input",), None, ""),
    "one-hot off by one": (("input", _P + "head.weight", _P + "head.bias"), None, ""),
    "one-hot missing for clusters": (("input",) + _ALL[3:], None, ""),
}
