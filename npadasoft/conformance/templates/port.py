#!/usr/bin/env python3
"""A port of the adaptive log-softmax, judged by

    npadasoft conform -- python3 port.py

All that speaks to the judge is written.  Fill in the functions under "the mathematics", one after
the other; when one is done, add its name to OPS and run the judge again.

The layer: classes 0 .. s-1 are the short-list, s = cutoffs[0]; tail i (from 0) holds the classes
from cutoffs[i] up to the next cutoff, the last tail up to n_classes.  A target equal to a cutoff
belongs to the tail that begins there.  With x one row of the input, W = head.weight, b = head.bias,
P = tail.i.0.weight, U = tail.i.1.weight, all stored (out, in):

    A = log_softmax(W x + b)            columns: class 0 .. s-1, then tail 0, 1, 2, ...
    B = log_softmax(U (P x))            of tail i; a few cases, which you may skip,
                                        add tail.i.1.bias to its scores
    log_prob[k] = A[k]                              if k < s
                = A[s + i] + B[k - cutoffs[i]]      if k is in tail i
    output[n] = log_prob of row n at its target;    loss = -mean(output)
    predict = argmax of log_prob

Tensors come as nested lists: input[n][d], params["head.weight"][k][d], target[n]; give results
back alike.  Batch axes come as one: a batch of 2 by 3 rows as six rows, one row without a batch as
a batch of one; they go back as they came.  An axis of 0 hides the axes behind it ([] may be 0 by
4): take sizes from config.  Without a row the loss is the mean of nothing, nan, and all gradients
are 0.
"""
import json
import math
import struct
import sys
import traceback

NAME, VERSION = "my port", "0.1"
DTYPES = ["float64"]            # Python's float; add "float32" if you compute in it
# then: "forward", "log_prob", "predict", "backward", "log_prob_backward"
# others, topk and the head alone (linear) among them: npadasoft port-template --protocol
OPS = ["shapes"]
# intermediate tensors that you show, for a mistake to be found where it begins, of
#   "cluster" (0 is the short-list, i + 1 is tail i), "head_column", "head_logits", "head_log_prob",
#   "tail.*.relative_target", "tail.*.hidden", "tail.*.logits", "tail.*.log_prob",
#   "grad.head_logits", "grad.tail.*.hidden", "grad.tail.*.logits"
# (their numbers: npadasoft vectors show T03)
TRACE: list[str] = []


class Refused(Exception):
    """An error answer; kind is target, shape, cutoffs, config, dtype, unsupported or other."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Skip(Exception):
    """Something that this port knowingly does not support: raise Skip("why")."""


# ---------------------------------------------------------------- the mathematics: yours to write

def forward(config, params, input, target, want):
    """{"output": [...], "loss": number}, and what TRACE announces.

    A target outside 0 .. n_classes-1: raise Refused("target", ...).  Rows without in_features
    numbers: raise Refused("shape", ...), here and below.  A few cases go beyond the layer, so that
    you may raise Skip: where config has ignore_index, rows with that target have output 0 and do
    not count in the loss; where it has reduction, the loss is a "sum", or with "none" a number a
    row.
    """
    raise Skip("forward is not written yet")


def backward(config, params, input, target, cotangents, want):
    """{"grad.input": ..., "grad.head.weight": ..., ...}, shaped as what they are the gradient of.

    cotangents may hold "output" (one number a row) and "loss" (a number); an absent one is 0.  Of
    the sum over both.  A tail without a target has gradients of zero (None is accepted).
    """
    raise Skip("backward is not written yet")


def log_prob(config, params, input):
    """Rows of n_classes numbers."""
    raise Skip("log_prob is not written yet")


def log_prob_backward(config, params, input, cotangent, want):
    """As `backward`, of the sum of cotangent[n][k] * log_prob[n][k]."""
    raise Skip("log_prob_backward is not written yet")


def predict(config, params, input):
    """The most probable class of each row."""
    raise Skip("predict is not written yet")


# -------------------------------------------------------------- shapes: written, and worth reading

def shapes(config):
    """Shape of every weight; a configuration that makes no layer is refused."""
    features, classes, cutoffs = config["in_features"], config["n_classes"], config["cutoffs"]
    div_value = config["div_value"]
    edges = [*cutoffs, classes]
    if features < 1 or classes < 2 or not 0 < div_value:
        raise Refused("config", f"no layer: {features} features, {classes} classes, "
                      f"div_value {div_value}")
    if not cutoffs or cutoffs[0] < 1 or any(a >= b for a, b in zip(edges, edges[1:])) or \
            any(c != int(c) for c in cutoffs):
        raise Refused("cutoffs", f"cutoffs should increase within 1 .. {classes - 1}, "
                      f"but found {cutoffs}")
    head = cutoffs[0] + len(cutoffs)
    found = {"head.weight": [head, features]}
    if config["head_bias"]:
        found["head.bias"] = [head]
    for i in range(len(cutoffs)):
        try:
            hidden = int(features // div_value ** (i + 1))      # not the floor of a quotient
        except OverflowError:
            raise Refused("config", f"hidden size of tail {i} is not finite") from None
        found[f"tail.{i}.0.weight"] = [hidden, features]
        found[f"tail.{i}.1.weight"] = [edges[i + 1] - edges[i], hidden]
    return found


# ---------------------------------------------------------------- the protocol: nothing to change

def read_number(value):
    return float(value)                     # "nan", "inf", "-inf" are strings


def write_number(value):
    if isinstance(value, int):
        return value
    return value if math.isfinite(value) else str(value)


def rows_of(tensor, depth):
    """A tensor as nested lists of `depth` levels, all axes before them made into one."""
    numbers = [v if isinstance(v, int) else read_number(v) for v in tensor["data"]]
    shape = tensor["shape"]
    lead = math.prod(shape[:max(len(shape) - depth + 1, 0)])
    return fold(numbers, [lead, *shape[len(shape) - depth + 1:]] if depth else [])


def fold(numbers, shape):
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return numbers
    step = math.prod(shape[1:])
    return [fold(numbers[i * step:(i + 1) * step], shape[1:]) for i in range(shape[0])]


def flat(value):
    if isinstance(value, (list, tuple)):
        return [v for part in value for v in flat(part)]
    return [write_number(value)]


def tensor(value, shape):
    """Nested lists as a tensor."""
    if value is None:
        return None
    if shape is None:
        shape = [len(value)]
    if shape[:1] == [None]:                     # as many rows as there are
        shape = [len(value), *shape[1:]]
    return {"shape": list(shape), "data": flat(value)}


def run(message):
    config, op, want = message["config"], message["op"], message["want"]
    params = {name: rows_of(t, len(t["shape"])) for name, t in message["params"].items()}
    depth = {"input": 2, "target": 1, "output": 1, "log_prob": 2}
    inputs, cotangents = ({name: rows_of(t, depth.get(name, len(t["shape"])))
                           for name, t in message[group].items()}
                          for group in ("inputs", "cotangents"))
    x, y = inputs["input"], inputs.get("target")
    check_batch(message["inputs"])
    if op == "forward":
        found = forward(config, params, x, y, want)
    elif op == "backward":
        found = backward(config, params, x, y, cotangents, want)
    elif op == "log_prob_backward":
        found = log_prob_backward(config, params, x, cotangents["log_prob"], want)
    elif op == "log_prob":
        found = {"log_prob": log_prob(config, params, x)}
    elif op == "predict":
        found = {"predict": predict(config, params, x)}
    else:
        raise Skip(f"{op} is not written")
    return {"results": {name: tensor(found[name], shape_of(message, name))
                        for name in want if name in found}}


def check_batch(inputs):
    """Targets have the batch axes of the input, seen here because they are flattened below."""
    rows = inputs["input"]["shape"][:-1]
    if "target" in inputs and inputs["target"]["shape"] != rows:
        raise Refused("shape", f"target should have shape {rows}, "
                      f"but found {inputs['target']['shape']}")


def shape_of(message, name):
    """The shape of a tensor, known from the request; None where the value itself must tell."""
    rows = message["inputs"]["input"]["shape"][:-1]
    if name.startswith("grad."):
        of = message["params"].get(name[5:]) or message["inputs"].get(name[5:])
        if of:
            return of["shape"]
    if "head_log" in name or "tail." in name and "target" not in name:      # a matrix of the trace
        place = "0" if "hidden" in name else "1"
        weight = "head.weight" if "head_log" in name else ".".join(
            [*name.removeprefix("grad.").split(".")[:2], place, "weight"])
        return [None, message["params"][weight]["shape"][0]]
    return {"output": rows, "loss": [], "predict": rows,
            "log_prob": rows + [message["config"]["n_classes"]]}.get(name)


def echo(message):
    """The bits of the numbers as this port read them, and the numbers as it writes them.

    A parser that rounds wrongly shows here, and a writer with too few digits.
    """
    code = {"float64": ">d", "float32": ">f"}[message["dtype"]]
    packed = [struct.pack(code, read_number(v)) for v in message["data"]]
    return {"bits": [b.hex() for b in packed],
            "data": [write_number(struct.unpack(code, b)[0]) for b in packed]}


def answer(message):
    try:
        if message["cmd"] == "start":
            about = {"name": NAME, "version": VERSION, "language": "python"}
            return {"protocol": 1, "implementation": about, "dtypes": DTYPES, "ops": OPS,
                    "trace": TRACE, "layout": "out_in", "index_base": 0}
        if message["cmd"] == "echo":
            return echo(message)
        if message["cmd"] == "shapes":
            return {"shapes": shapes(message["config"])}
        return run(message)
    except Refused as error:
        return {"error": {"kind": error.kind, "message": str(error)}}
    except Skip as skip:
        return {"skipped": True, "reason": str(skip)}
    except Exception as error:              # an uncaught one would end the process
        at = traceback.extract_tb(error.__traceback__)[-1]
        return {"error": {"kind": "other", "message": f"{type(error).__name__}: {error} "
                          f"(line {at.lineno}, in {at.name})"}}


def main():
    for line in sys.stdin:
        message = json.loads(line)
        if message["cmd"] == "stop":
            break
        reply = {"seq": message.get("seq"), **answer(message)}
        print(json.dumps(reply, allow_nan=False), flush=True)


if __name__ == "__main__":
    main()
