"""Which requests a case makes of a port, and in which order cases are put."""
import itertools
from functools import lru_cache

import numpy as np

from npadasoft.conformance.judge.compare import blocks, values
from npadasoft.conformance.judge.numbers import round_to
from npadasoft.conformance.wire.messages import LINEAR, Request, is_integer, matches

PUBLIC = ("output", "loss", "log_prob", "predict", "grad.input", "grad.head.weight",
          "grad.head.bias", "grad.tail.*.0.weight", "grad.tail.*.1.weight", "grad.tail.*.1.bias",
          "topk.log_prob", "topk.index", "jvp.*", "hvp.input", "hvp.head.*", "hvp.tail.*.*.*",
          "embed", "grad.bands.*.*")
BAD_CONFIGURATION = ("cutoffs", "config", "dtype")      # kinds of error that `shapes` must give


def is_linear(case):
    """Whether a case asks for the head alone: a configuration without cutoffs, and its numbers."""
    return not case["config"].get("cutoffs", True) and bool(case.get("inputs"))


def asked_of(cases, info):
    """The cases that a port is asked: those of the head alone if it announces that, and of the
    layer unless it announces nothing else.
    """
    whole, head = set(info.ops) - set(LINEAR), set(info.ops) & set(LINEAR)
    return [case for case in cases if (head if is_linear(case) else whole)]


def op_of(name, case):
    """The operation that answers the tensor `name`."""
    if is_linear(case):
        return "linear_backward" if name.startswith("grad.") else "linear"
    if name in ("log_prob", "predict", "shapes", "embed"):
        return name
    if name == "jvp.log_prob":
        return "log_prob_jvp"
    if name.startswith(("jvp.", "hvp.")):
        return name.partition(".")[0]
    if name.startswith("grad.bands."):
        return "embed_backward"
    if name.startswith("topk."):
        return "topk"
    if name.startswith("grad."):
        return "log_prob_backward" if "log_prob" in case.get("cotangents", {}) else "backward"
    return "forward"


def by_operation(case, tensors):
    """Operation -> name -> what `tensors` holds under that name."""
    found: dict = {}
    for name in tensors:
        weight = name.endswith((".weight", ".bias")) and not name.startswith(("grad.", "hvp."))
        found.setdefault("shapes" if weight else op_of(name, case), {})[name] = tensors[name]
    return found


def wanted(case):
    """Operation -> names of the tensors that it should answer, public ones and trace."""
    if case["result"] == "error":
        error = case["expected"]["error"]
        if error["kind"] in BAD_CONFIGURATION:
            return {"shapes": []}
        op = error.get("op", "forward")
        return {op: {"forward": ["output", "loss"], "linear": ["loss"]}.get(op, [op])}
    names: dict[str, list] = {}
    for name in itertools.chain.from_iterable(blocks(case)):
        group = names.setdefault(op_of(name, case), [])
        if name not in group and name != "shapes":
            group.append(name)
    return names


@lru_cache(maxsize=4096)
def is_public(name):
    """Whether every port should answer the tensor `name`."""
    return any(matches(pattern, name) for pattern in PUBLIC)


def requests_of(case, dtype, info):
    """What is asked of a port on one case.

    Parameters
    ----------
    case : mapping
    dtype : str
    info : PortInfo

    Returns
    -------
    requests : list of Request
        One an operation.
    lacking : list of str
        Operations that the port does not announce.
    """
    arrays = {group: {name: _array(name, t) for name, t in case.get(group, {}).items()}
              for group in ("params", "inputs", "cotangents", "tangents")}
    made, lacking = [], []
    for op, names in wanted(case).items():
        asked = tuple(name for name in names if is_public(name) or info.traces(name))
        if op != "shapes" and not asked:
            continue                                # a trace that this port does not show
        if op in info.ops:
            made.append(_request(case, op, dtype, arrays, asked))
        else:
            lacking.append(op)
    return made, lacking


def _request(case, op, dtype, arrays, asked):
    if op == "shapes":
        return Request(case["id"], op, dtype, case["config"])
    inputs = {name: a for name, a in arrays["inputs"].items()
              if name != "target" or op in ("forward", "backward", "jvp", "hvp", *LINEAR)}
    of_log_prob = op == "log_prob_backward"
    cotangents = {name: a for name, a in arrays["cotangents"].items()
                  if op.endswith(("backward", "hvp")) and (name == "log_prob") == of_log_prob}
    tangents = arrays["tangents"] if op.endswith(("jvp", "hvp")) else {}
    return Request(case["id"], op, dtype, case["config"], arrays["params"], inputs, cotangents,
                   asked, tangents)


def _array(name, tensor):
    array = values(tensor)
    return array.astype(np.int64) if is_integer(name) else array


def representable(case, dtype):
    """Whether all numbers of the case are numbers of `dtype`, so that it can be put to the port."""
    if dtype == "float64":
        return True
    arrays = [values(t) for group in ("params", "inputs", "cotangents", "tangents")
              for name, t in case.get(group, {}).items() if name != "target"]
    return all(np.array_equal(round_to(a, dtype), a, equal_nan=True) for a in arrays)


def in_order(cases):
    """Cases of one shape one after the other: what is left over from one must show in the next."""
    groups: dict[str, list] = {}
    for case in cases:
        inputs = case.get("inputs", {})
        rows = inputs.get("input", inputs.get("index", {})).get("shape")
        key = str(sorted(case["config"].items(), key=str)) + str(rows)
        groups.setdefault(key, []).append(case)
    return list(itertools.chain.from_iterable(groups.values()))


def repeated(cases):
    """Those that are put once more after all others: the first valid one of every operation.

    A required one where there is any: others may be skipped.
    """
    first: dict[str, dict] = {}
    for case in sorted(cases, key=lambda case: case["tier"] != "required"):
        if case["result"] == "valid":
            for op in wanted(case):
                if op != "shapes":
                    first.setdefault(op, case)
    return list({case["id"]: case for case in first.values()}.values())
