"""One name for one slip: in several operations, and in the layer as in the head alone."""
import re

from npadasoft.conformance.mistakes.denied import fails
from npadasoft.conformance.mistakes.known import MISTAKES
from npadasoft.conformance.wire.messages import OPS

ONE_SLIP = (            # mistakes that stand apart, and are one in a port that reuses its steps
    ("no-cluster-term", "log-prob-without-clusters", "predict-without-clusters",
     "column-receives-nothing"),
    ("loss-is-a-sum", "gradient-of-a-sum"),
    ("reduction-ignored", "gradient-of-the-mean-always"),
    ("output-is-a-loss", "cotangent-of-output-negated"),
    ("predict-from-one", "topk-from-one"),
)


def _reduction(*of):
    return lambda case: case["config"].get("reduction", "mean") in of


def _has(name):
    return lambda case: case["config"].get(name) not in (None, False)


def _has_not(name):
    return lambda case: not _has(name)(case)


WHERE = {               # what a mistake may depend on, which it should not -> whether it is so
    "reduction is mean": _reduction("mean"),
    "reduction is sum": _reduction("sum"),
    "reduction is none": _reduction("none"),
    "reduction is mean or none": _reduction("mean", "none"),
    "reduction is sum or none": _reduction("sum", "none"),
    "reduction is mean or sum": _reduction("mean", "sum"),
    "ignore_index is given": _has("ignore_index"),
    "ignore_index is not given": _has_not("ignore_index"),
    "tails have biases": _has("tail_bias"),
    "tails have no biases": _has_not("tail_bias"),
    "the head has a bias": _has("head_bias"),
    "the head has no bias": _has_not("head_bias"),
    "div_value is 1": lambda case: case["config"].get("div_value") == 1,
    "one row has no axis": lambda case: _axes(case) == 0,
    "rows have one axis": lambda case: _axes(case) == 1,
    "rows have several axes": lambda case: _axes(case) > 1,
    "rows have an axis": lambda case: _axes(case) > 0,
}


def _axes(case):
    """How many axes a batch has beside that of the features; -1 where there is no batch."""
    inputs = case.get("inputs", {})
    if "index" in inputs:
        return len(inputs["index"]["shape"])
    return len(inputs["input"]["shape"]) - 1 if "input" in inputs else -1


def parted(name):
    """A mistake's own name, and what it is found in alone: operations, tensors, or nothing.

    Examples
    --------
    >>> parted("boundary (in backward, hvp alone)"), parted("boundary")
    (('boundary', ('backward', 'hvp')), ('boundary', ()))
    >>> parted("boundary (where reduction is sum alone)")
    ('boundary', ())
    """
    found = re.fullmatch(rf"(.*?) \((?:in (.*?))? ?(?:where ({'|'.join(WHERE)}))? alone\)", name)
    return (found[1], tuple((found[2] or "").split(", ")) if found[2] else ()) if found \
        else (name, ())


def alone(name, parts, where=""):
    """The name of a mistake that is found in these alone, perhaps where something is so."""
    told = [f"in {', '.join(sorted(parts))}"] * bool(parts) + [f"where {where}"] * bool(where)
    return f"{name} ({' '.join(told)} alone)"


def one_slip(chosen):
    """One name for what one slip does to several operations, in a port that has it in these."""
    found: dict = {}
    for slips in ONE_SLIP:
        mine = {unit: names for unit, names in chosen.items()
                if any(parted(n)[0] in slips for n in names)}
        if len(set(map(tuple, mine.values()))) > 1:
            found |= dict.fromkeys(mine, (alone(slips[0], {op for _, op in mine}),))
    return found


def join(layer, head, right):
    """Give a mistake that layer and head have one name, and tell which is in the head alone.

    Of what the layer denies no name is left that has no number for it: a refusal alone, which many
    a mistake has in common.

    Parameters
    ----------
    layer, head : sequence of Result
        With names, which change.
    right : sequence of (Result, mapping)
        What is right of the layer: operation -> Answer.
    """
    told, new = _told(layer), {}
    for base, (text, units) in _told(head).items():
        ops = {op for _, op in units}
        if base in told:
            there = parted(told[base][0])[1]
            new[base] = alone(base, {*there, *ops}) if set(there) & set(OPS) else told[base][0]
        elif right and (base not in MISTAKES or any(fails(
                MISTAKES[base].layer_class, r.case, r.dtype, a) for r, a in right)):
            answered = {name for r, op in units for name in r.answers[op].results}
            some = [name for name in parted(text)[1] if name in answered]
            of_some = some and set(some) < answered
            where = [f"{name} of {op}" for name in some for op in ops] if of_some else ops
            new[base] = alone(base, where) if answered else None
    for result in (*layer, *head):
        _rename(result, new, told)


def _told(results):
    """A mistake's own name -> (what it is called, each (result, operation) that it is found in)."""
    found: dict = {}
    for r in results:
        for op, names in r.named.items():
            for name in names:
                found.setdefault(parted(name)[0], (name, []))[1].append((r, op))
    return found


def _rename(result, new, told):
    """Of names that are one there, take those that the layer has, and call each as it is told."""
    def renamed(names):
        mine = [n for n in names if parted(n)[0] in told] or names
        return tuple(filter(None, dict.fromkeys(new.get(parted(n)[0], n) for n in mine)))
    result.named = {op: renamed(names) for op, names in result.named.items()}
    result.beside = {op: {renamed(names): changed for names, changed in groups.items()}
                     for op, groups in result.beside.items()}
    result.mistakes = list(dict.fromkeys(n for names in result.named.values() for n in names))
