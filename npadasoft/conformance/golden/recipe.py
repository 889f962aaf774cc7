"""What a case is before it has values: a configuration, numbers that are exact, and what to expect
of it.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from math import prod
from random import Random
from typing import Any, Callable

from npadasoft import reference

Tensor = dict[str, Any]             # {"shape": [...], "data": [...]}, flat, C order

FORWARD, BACKWARD = ("forward",), ("forward", "backward")
ALL = ("forward", "backward", "log_prob", "predict")


@dataclass
class Recipe:
    """One case without its expected values.

    `ops` says which values are wanted: forward, backward, log_prob, predict, topk, jvp,
    log_prob_jvp, hvp (log_prob_backward follows from a cotangent of log_prob); of an adaptive
    input embed.  `at` names the flat places that are kept of a large gradient.  `given` is an
    expected block written by rule, where no values are computed.
    """

    id: str
    comment: str
    flags: tuple[str, ...]
    config: dict[str, Any]
    params: dict[str, Tensor] = field(default_factory=dict)
    inputs: dict[str, Tensor] = field(default_factory=dict)
    cotangents: dict[str, Tensor] = field(default_factory=dict)
    tangents: dict[str, Tensor] = field(default_factory=dict)
    ops: tuple[str, ...] = FORWARD
    tier: str = "required"
    result: str = "valid"
    at: dict[str, list[int]] = field(default_factory=dict)
    given: dict[str, Any] | None = None
    since: str = "1.0.0"


def tensor(shape, data) -> Tensor:
    data = list(data)
    if prod(shape) != len(data):
        raise ValueError(f"shape {list(shape)} holds {prod(shape)} numbers, but found {len(data)}")
    return {"shape": list(shape), "data": data}


def config(in_features, n_classes, cutoffs, div_value=2.0, head_bias=False,
           **more) -> dict[str, Any]:
    return {"in_features": in_features, "n_classes": n_classes, "cutoffs": list(cutoffs),
            "div_value": div_value, "head_bias": head_bias, **more}


def edges(config) -> tuple[int, ...]:
    """The cutoffs, with n_classes behind them."""
    return (*config["cutoffs"], config["n_classes"])


def parameter_shapes(config) -> dict[str, list[int]]:
    """Torch's names and shapes, in torch's order."""
    D, ends = config["in_features"], edges(config)
    head = ends[0] + len(ends) - 1
    shapes = {"head.weight": [head, D]}
    if config["head_bias"]:
        shapes["head.bias"] = [head]
    for i, (low, high) in enumerate(zip(ends, ends[1:])):
        hidden = reference.hidden_size(D, config["div_value"], i)
        shapes[f"tail.{i}.0.weight"] = [hidden, D]
        shapes[f"tail.{i}.1.weight"] = [high - low, hidden]
        if config.get("tail_bias"):
            shapes[f"tail.{i}.1.bias"] = [high - low]
    return shapes


class Draw:
    """Numbers from a case's own stream, `Random(seed).getrandbits` alone: it is the same in every
    version.
    """

    def __init__(self, seed: str):
        self._bits = Random(int.from_bytes(seed.encode(), "big")).getrandbits

    def dyadic(self, shape, unit=16, bits=5) -> Tensor:
        """Multiples of 1/unit in [-2^(bits-1), 2^(bits-1)) / unit."""
        return tensor(shape,
                      [(self._bits(bits) - (1 << (bits - 1))) / unit for _ in range(prod(shape))])

    def cotangent(self, shape) -> Tensor:
        """Multiples of 1/8 in [-2, 2), not all of them 0."""
        t = self.dyadic(shape, 8, 5)
        return t if any(t["data"]) or not t["data"] else {**t, "data": [0.375] * len(t["data"])}

    def generic(self, shape, scale=1.0) -> Tensor:
        """Numbers of 24 significant bits in ±scale: equal in every precision from float32 on."""
        return tensor(shape, [scale * ((self._bits(24) | 1) - (1 << 23)) / (1 << 23)
                              for _ in range(prod(shape))])

    def double(self, shape) -> Tensor:
        """Numbers of 53 significant bits in [-1, 1): float64 alone holds them."""
        return tensor(shape,
                      [((self._bits(53) | 1) - (1 << 52)) / (1 << 52) for _ in range(prod(shape))])

    def below(self, n) -> int:
        return self._bits(30) % n


def build(id, comment, flags, config, targets, *, input=None, cotangents=("loss",), tangents=(),
          ops=BACKWARD, numbers: Callable[[Draw, list[int]], Tensor] | None = None, change=None,
          **more) -> Recipe:
    """A recipe whose numbers are drawn from the stream named by `id`.

    targets : list, or nested list for N-d, or int for unbatched
    input : tensor, drawn if absent
    cotangents : names of those that are drawn (`loss`, `output`, `log_prob`), or tensors by name
    tangents : names of those that are drawn (`input`, and of weights)
    numbers : draws one tensor; multiples of 1/16 in [-1, 1) if absent
    change : called with params and inputs, to alter them
    """
    draw = Draw(id)
    numbers = numbers or (lambda d, shape: d.dyadic(shape))
    params = {name: numbers(draw, shape) for name, shape in parameter_shapes(config).items()}
    target = integer_tensor(targets)
    x = input or numbers(draw, target["shape"] + [config["in_features"]])
    inputs = {"input": x, "target": target}
    shapes = {"output": target["shape"], "log_prob": target["shape"] + [config["n_classes"]],
              "loss": target["shape"] if config.get("reduction") == "none" else []}
    if not isinstance(cotangents, dict):
        cotangents = {name: draw.cotangent(shapes[name]) for name in cotangents}
    if not {"backward", "hvp"} & set(ops) and "log_prob" not in cotangents:
        cotangents = {}
    moving = {"input": x, **params}
    tangents = {name: draw.cotangent(moving[name]["shape"]) for name in tangents}
    if change:
        change(params, inputs)
    return Recipe(id, comment, tuple(flags), config, params, inputs, cotangents, tangents,
                  tuple(ops), **more)


def integer_tensor(nested) -> Tensor:
    """A tensor of a nested list of integers, or of one."""
    shape, flat = [], nested
    while isinstance(flat, list):
        shape.append(len(flat))
        flat = flat[0] if flat else 0
    flat = nested if shape else [nested]
    for _ in shape[1:]:
        flat = [v for part in flat for v in part]
    return tensor(shape, flat)


def places(shape, *indices) -> list[int]:
    """Flat places of every combination of `indices`, one list an axis."""
    return [sum(i * prod(shape[axis + 1:]) for axis, i in enumerate(index))
            for index in product(*indices)]
