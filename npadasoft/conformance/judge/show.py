"""A case as a person reads it: `npadasoft vectors show T03`."""
import json

import numpy as np

from npadasoft.conformance.judge.compare import blocks, values
from npadasoft.conformance.judge.report import row_of
from npadasoft.conformance.wire.messages import is_integer


def show(case, flags, row=None):
    """The case as text.

    Parameters
    ----------
    case : mapping
    flags : mapping
        Flag -> what is said of it.
    row : int, optional
        Of tensors with an entry for every row of the batch show this one alone, and no weights.

    Returns
    -------
    str
    """
    lines = [f"{case['id']}  {case['tier']}, {case['result']}: {case['comment']}"]
    lines += [f"  {name}: {flags[name]['description']}" for name in case["flags"] if name in flags]
    lines.append("config " + json.dumps(case["config"]))
    weights = () if row is not None else ("params",)
    for group in (*weights, "inputs", "cotangents", "tangents"):
        lines += [_tensor(case, name, f"{group}.{name}", t, row)
                  for name, t in case.get(group, {}).items()]
    for block in blocks(case):
        lines += [_expected(case, name, tensor, row) for name, tensor in block.items()]
    return "\n".join(line for line in lines if line)


def _expected(case, name, tensor, row):
    if "sets" in tensor:
        return _sets(name, tensor, row)
    if "data" not in tensor:
        return f"expected.{name} {json.dumps(tensor)}"
    text = _tensor(case, name, f"expected.{name}", tensor, row)
    return text and f"{text}\n    after {', '.join(tensor['after'])}"


def _sets(name, tensor, row):
    """Of each place of a tensor the classes that are right, in lines as long as its last axis."""
    shape, sets = tensor["shape"], [" or ".join(map(str, s)) for s in tensor["sets"]]
    title, width = f"expected.{name} {list(shape)}, the classes that are right", (shape or [1])[-1]
    if row is not None:
        each = width if name.startswith("topk.") else 1         # places of one row of the batch
        sets, title = sets[row * each:(row + 1) * each], f"{title}, row {row}"
    lines = [sets[k:k + width] for k in range(0, len(sets), max(width, 1))]
    return "\n".join([title, *(f"[{', '.join(line)}]" for line in lines)]) if lines else ""


def _tensor(case, name, title, tensor, row):
    array, shape = values(tensor), tensor["shape"]
    if is_integer(name):
        array = array.astype(np.int64)
    places = f" at the flat places {tensor['at']}" if "at" in tensor else ""
    exact = f", exact in {tensor['exact_bits']} bits" if "exact_bits" in tensor else ""
    title = f"{title} {list(shape)}{places}{exact}"
    if row is not None and shape:
        if "at" in tensor or row_of(case, name, (0,) * len(shape)) is None:
            return ""
        rest = (0,) * (len(shape) - 1)
        mine = [n for n in range(shape[0]) if row_of(case, name, (n, *rest)) == row]
        if not mine:
            return ""
        title, array = f"{title}, [{mine[0]}]", array[mine[0]]
    return title + "\n" + np.array2string(array, separator=", ", max_line_width=100, threshold=400,
                                          floatmode="unique")
