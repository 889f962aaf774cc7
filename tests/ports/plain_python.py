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
    B = log_softmax(U (P x))            of tail i; a few cases add tail.i.1.bias to its scores
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

NAME, VERSION = "plain-python", "1"
DTYPES = ["float64"]            # Python's float; add "float32" if you compute in it
OPS = ["shapes", "forward", "log_prob", "predict", "backward", "log_prob_backward"]
TRACE = ["head_logits", "head_log_prob", "cluster"]


class Refused(Exception):
    """An error answer; kind is target, shape, cutoffs, config, dtype, unsupported or other."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Skip(Exception):
    """Something that this port knowingly does not support: raise Skip("why")."""


# ---------------------------------------------------------------- the mathematics

def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def linear(weight, x, bias=None):
    return [dot(row, x) + (bias[k] if bias else 0.0) for k, row in enumerate(weight)]


def transposed_product(weight, dy, size):
    return [sum(d * row[j] for d, row in zip(dy, weight)) for j in range(size)]


def log_softmax(z):
    top = max(range(len(z)), key=lambda k: z[k])
    if not all(math.isfinite(v) or v == -math.inf for v in z):
        return [math.nan] * len(z)
    shifted = [v - z[top] for v in z]
    rest = math.log1p(sum(math.exp(t) for k, t in enumerate(shifted) if k != top))
    return [t - rest for t in shifted]


def softmax_backward(log_p, grad):
    """dz = grad - (sum of grad) p, without cancellation where one probability is near 1."""
    top = max(range(len(log_p)), key=lambda k: log_p[k])
    total = math.fsum(grad) if all(map(math.isfinite, grad)) else sum(grad)
    dz = [g - total * math.exp(v) for g, v in zip(grad, log_p)]
    others = sum(g for k, g in enumerate(grad) if k != top)
    dz[top] = -math.expm1(log_p[top]) * grad[top] - math.exp(log_p[top]) * others
    return dz


def picked_backward(log_p, k, q):
    """The same where only entry k arrives, with q."""
    return [-q * (math.expm1(v) if j == k else math.exp(v)) for j, v in enumerate(log_p)]


def locate(y, cutoffs):
    """Cluster (0 is the short-list), head column, place in the tail."""
    cluster = sum(c <= y for c in cutoffs)
    if cluster == 0:
        return 0, y, None
    return cluster, cutoffs[0] + cluster - 1, y - cutoffs[cluster - 1]


def check(config, params, input, target):
    if len(input) != len(target):
        raise Refused("shape", f"{len(input)} rows, but {len(target)} targets")
    check_features(config, input)
    bad = [y for y in target if not 0 <= y < config["n_classes"]]
    if bad:
        raise Refused("target", f"targets should be in 0 .. {config['n_classes'] - 1}, "
                      f"but found {bad[0]}")


def check_features(config, input):
    if any(len(x) != config["in_features"] for x in input):
        raise Refused("shape", f"rows should have {config['in_features']} features")


def head(params, x):
    z = linear(params["head.weight"], x, params.get("head.bias"))
    return z, log_softmax(z)


def tail(params, i, x):
    hidden = linear(params[f"tail.{i}.0.weight"], x)
    bias = params.get(f"tail.{i}.1.bias")
    return hidden, log_softmax(linear(params[f"tail.{i}.1.weight"], hidden, bias))


def forward(config, params, input, target, want):
    """{"output": [...], "loss": number}, and what TRACE announces."""
    check_supported(config)
    check(config, params, input, target)
    output, heads, places = [], [], []
    for x, y in zip(input, target):
        cluster, column, place = locate(y, config["cutoffs"])
        z, log_p = head(params, x)
        value = log_p[column]
        if cluster:
            value += tail(params, cluster - 1, x)[1][place]
        output.append(value)
        heads.append((z, log_p))
        places.append(cluster)
    loss = -sum(output) / len(output) if output else math.nan
    return {"output": output, "loss": loss + 0.0, "cluster": places,
            "head_logits": [z for z, _ in heads], "head_log_prob": [p for _, p in heads]}


def check_supported(config):
    for name in ("ignore_index", "reduction"):
        if name in config:
            raise Skip(f"{name} is not supported")


def zeros_like(params, input):
    def zeros(value):
        return [zeros(v) for v in value] if isinstance(value, list) else 0.0
    return {"grad.input": zeros(input), **{f"grad.{name}": zeros(w) for name, w in params.items()}}


def add_outer(weight, dy, x):
    for row, d in zip(weight, dy):
        for j, v in enumerate(x):
            row[j] += d * v


def pull_head(grads, params, n, x, dz):
    add_outer(grads["grad.head.weight"], dz, x)
    if "head.bias" in params:
        grads["grad.head.bias"] = [b + d for b, d in zip(grads["grad.head.bias"], dz)]
    accumulate(grads, n, transposed_product(params["head.weight"], dz, len(x)))


def pull_tail(grads, params, i, n, x, hidden, dt):
    first, second = params[f"tail.{i}.0.weight"], params[f"tail.{i}.1.weight"]
    add_outer(grads[f"grad.tail.{i}.1.weight"], dt, hidden)
    if f"tail.{i}.1.bias" in params:
        name = f"grad.tail.{i}.1.bias"
        grads[name] = [b + d for b, d in zip(grads[name], dt)]
    ds = transposed_product(second, dt, len(hidden))
    add_outer(grads[f"grad.tail.{i}.0.weight"], ds, x)
    accumulate(grads, n, transposed_product(first, ds, len(x)))


def accumulate(grads, n, dx):
    grads["grad.input"][n] = [a + b for a, b in zip(grads["grad.input"][n], dx)]


def backward(config, params, input, target, cotangents, want):
    """{"grad.input": ..., "grad.head.weight": ..., ...}."""
    check_supported(config)
    check(config, params, input, target)
    grads = zeros_like(params, input)
    from_loss = cotangents.get("loss", 0.0) / max(len(input), 1)
    for n, (x, y) in enumerate(zip(input, target)):
        q = (cotangents["output"][n] if "output" in cotangents else 0.0) - from_loss
        cluster, column, place = locate(y, config["cutoffs"])
        pull_head(grads, params, n, x, picked_backward(head(params, x)[1], column, q))
        if cluster:
            hidden, log_p = tail(params, cluster - 1, x)
            pull_tail(grads, params, cluster - 1, n, x, hidden, picked_backward(log_p, place, q))
    return grads


def log_prob(config, params, input):
    """Rows of n_classes numbers."""
    check_features(config, input)
    s, rows = config["cutoffs"][0], []
    for x in input:
        log_p = head(params, x)[1]
        row = log_p[:s]
        for i in range(len(config["cutoffs"])):
            row += [log_p[s + i] + b for b in tail(params, i, x)[1]]
        rows.append(row)
    return rows


def log_prob_backward(config, params, input, cotangent, want):
    """As `backward`, of the sum of cotangent[n][k] * log_prob[n][k]."""
    check_features(config, input)
    edges, grads = [*config["cutoffs"], config["n_classes"]], zeros_like(params, input)
    for n, (x, g) in enumerate(zip(input, cotangent)):
        parts = [g[a:b] for a, b in zip(edges, edges[1:])]
        arriving = g[:edges[0]] + [sum(part) for part in parts]
        pull_head(grads, params, n, x, softmax_backward(head(params, x)[1], arriving))
        for i, part in enumerate(parts):
            hidden, log_p = tail(params, i, x)
            pull_tail(grads, params, i, n, x, hidden, softmax_backward(log_p, part))
    return grads


def predict(config, params, input):
    """The most probable class of each row."""
    return [max(range(len(row)), key=lambda k: row[k]) for row in log_prob(config, params, input)]


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
