"""What a person reads of one case."""
import re
from dataclasses import replace

import numpy as np

from npadasoft.conformance.judge.compare import ancestors, blocks
from npadasoft.conformance.judge.numbers import tiny
from npadasoft.conformance.judge.plan import op_of
from npadasoft.conformance.judge.verdict import BAD
from npadasoft.conformance.judge.writing import READ
from npadasoft.conformance.wire.messages import LINEAR, is_shifted, is_turned, weight_of

STEPPING = ("forward", "backward", *LINEAR)     # operations whose first tensors are one step away
FLOOR = 2 ** 12         # terms of a sum; a bound of as many subnormals is one of 0
_TURNED = " (in_out, as the port has it)"
_COUNTED = " (classes from 1, as the port has them)"
_SHORT = {"pass": "ok", "fail": "FAIL", "error": "ERROR", "crashed": "CRASHED",
          "timeout": "TIMEOUT", "skipped": "skipped", "incomplete": "incomplete"}


def describe(result, command="", show_all=False, mistakes=None, misread=False):
    """The paragraph on one case: what goes wrong first, where, and what it looks like.

    Parameters
    ----------
    result : Result
    command : str
        The end of the command line that judges this port, to reproduce.
    show_all : bool
        Whether to list every tensor that differs.
    mistakes : mapping, optional
        Name of a known mistake -> the sentence that describes it.
    misread : bool
        Whether the port reads numbers wrongly: see `misread_in`.

    Returns
    -------
    str
    """
    lines = [headline(result)]
    if result.expected_fail and result.verdict in BAD:
        why = f": {result.expected_why}" if result.expected_why else ""
        lines.append(f"  this failure was expected{why}")
    lines += [f"  {text}" for text in (result.message, result.rounding, result.skipped) if text]
    lines += _divergence(result, show_all, misread)
    lines += [line for law in result.broken_laws for line in _law(law, result.info)]
    lines += _named(result.mistakes, mistakes or {})
    lines += [f"  note: {note}" for note in result.notes] if show_all else []
    if result.stderr:
        lines.append("  stderr: " + result.stderr.replace("\n", "\n          "))
    if result.verdict in BAD:
        lines.append(reproduce(result, command))
    return "\n".join(lines)


def misread_in(results):
    """Whether the self-test shows that numbers are read wrongly: then no input is what was sent."""
    return any(r.id == "IO" and r.verdict == "fail" and not r.rounding
               and not r.message.startswith(READ) for r in results)


def headline(result):
    """Id, flags, dtype, verdict and comment, on one line."""
    flags = ", ".join(result.case.get("flags", ()))
    comment = result.case.get("comment", "")
    verdict = _SHORT[result.verdict]
    return f"{result.id:<5}{flags:<22} {result.dtype:<9} {verdict:<10} {comment}".rstrip()


def _divergence(result, show_all, misread):
    """The tensors with which it begins, and how many follow."""
    lines = []
    for place, name in enumerate(result.origins[:None if show_all else 2]):
        lines.append(f"  {'first divergence:' if place == 0 else 'and, not out of it:'} {name}"
                     + _why_origin(result, name, misread))
        comparison = result.comparisons[name]
        if comparison.worst is None:
            lines.append(f"      {_as_shaped(name, comparison.message, result.info)}")
        else:
            first, *more = element(_as_written(comparison.worst, result.info), result.dtype)
            context = _context(result, name, comparison.worst.index)
            word = dialect(comparison.worst, result.info)
            context += word if word not in context else ""
            lines += [f"      {first}{context}", *(f"      {text}" for text in more)]
    later = [name for name in result.differing if name not in result.origins]
    hidden = 0 if show_all else max(len(result.origins) - 2, 0)
    if hidden:
        lines.append(f"  {hidden} more that do not come out of it (--all lists them)")
    if later:
        number_of = f"{len(later)} later tensor" + ("s differ" if len(later) > 1 else " differs")
        text = f"  {number_of} too, computed from {'it' if len(result.origins) == 1 else 'these'}"
        lines.append(text + (f": {', '.join(later)}" if show_all else " (--all lists them)"))
    return lines


def _why_origin(result, name, misread):
    """Why the divergence begins here, as far as can be seen."""
    expected = next((b for b in blocks(result.case) if name in b), None)
    if expected is None or "after" not in expected[name]:
        return ""
    before = [p for p in ancestors(expected, name, result.comparisons) if p in expected]
    unseen = [p for p in expected[name]["after"] if p in expected and p not in result.comparisons]
    if unseen:
        dots = ", ..." * (len(unseen) > 3)
        return f"    (or before it: {', '.join(unseen[:3])}{dots} not shown by the port)"
    if before:
        part = " in the places that are stored" * any("at" in expected[p] for p in before)
        return f"    ({', '.join(before[:4])}{', ...' * (len(before) > 4)}: all right{part})"
    if op_of(name, result.case) not in STEPPING:
        return "    (what is between it and its inputs is not shown)"
    if misread:
        return "    (its inputs are golden data, but read wrongly: see IO)"
    return "    (its inputs are golden data: nothing before it can be wrong)"


def element(worst, dtype):
    """One number that is wrong, in one or two lines: both values, and how far they are apart."""
    place = f"[{', '.join(map(str, worst.index))}]" if worst.index else "value"
    lines = [f"{place}  got {number(worst.got, dtype)}   want {number(worst.want, dtype)}"]
    floor = FLOOR * min(tiny(dtype), tiny("float32"))       # float16's are as large as roundings
    if worst.ratio is not None and worst.bound <= floor:
        lines.append(f"off by {abs(worst.got - worst.want):.3g}, and the bound is 0 here: "
                     "this number is exact")
    elif worst.ratio is not None:
        lines.append(f"off by {worst.ratio:.3g} x its bound of {worst.bound:.3g}, "
                     f"{worst.ulps:.3g} ulp")
    return lines


def number(value, dtype):
    """A number in decimal, and in hex unless it is a small integer."""
    if isinstance(value, (list, tuple)):
        return f"one of {list(value)}"
    if not np.isfinite(value) or value == int(value) and abs(value) < 1e6:
        return str(value) if not np.isfinite(value) else str(int(value))
    if dtype == "float32":
        return f"{np.float32(value)!s} ({float(np.float32(value)).hex()})"
    return f"{float(value)!r} ({float(value).hex()})"


def _as_written(worst, info):
    """An element as the port wrote it: its classes and its layout of weights."""
    if info is None:
        return worst
    if is_shifted(worst.tensor) and info.index_base:
        want = [w + info.index_base for w in worst.want] if isinstance(worst.want, list) \
            else worst.want + info.index_base
        return replace(worst, got=worst.got + info.index_base, want=want)
    if len(worst.index) == 2 and is_turned(worst.tensor, info.layout):
        return replace(worst, index=worst.index[::-1])
    return worst


def dialect(worst, info):
    """A word that an element is shown as the port has it, where the layer has it otherwise."""
    if info is not None and info.index_base and is_shifted(worst.tensor):
        return _COUNTED
    if info is not None and len(worst.index) == 2 and is_turned(worst.tensor, info.layout):
        return _TURNED
    return ""


def _as_shaped(name, message, info):
    """A message on a shape, in the port's layout."""
    if info is None or not is_turned(name, info.layout):
        return message

    def turned(found):
        return f"[{', '.join(reversed(found[1].split(', ')))}]"
    return re.sub(r"\[(\d+(?:, \d+)*)\]", turned, message) + _TURNED


def _context(result, name, index):
    """The target of the row where a number is wrong, and the cutoffs to see it with."""
    case = result.case
    target, row = case.get("inputs", {}).get("target"), row_of(case, name, index)
    if target is None or row is None or op_of(name, case) not in (
            "forward", "backward", "jvp", "hvp"):
        return ""
    base = result.info.index_base if result.info else 0
    counted = _COUNTED if base else ""
    return (f"       target {target['data'][row] + base}{counted}, "
            f"cutoffs {case['config']['cutoffs']}")


def row_of(case, name, index):
    """The row of the batch that element `index` of a tensor belongs to; None if it has none."""
    config, inputs = case["config"], case.get("inputs", {})
    parts = weight_of(name).removeprefix("jvp.").split(".")
    lead = inputs["index"]["shape"] if "index" in inputs else \
        inputs.get("input", {"shape": [0]})["shape"][:-1]
    if not index or parts[-1] in ("weight", "bias", "embedding", "projection", "loss"):
        return None
    if parts[0] in ("input", "target", "output", "log_prob", "predict", "topk", "embed", "index"):
        row = 0
        for place, length in zip(index, lead):
            row = row * length + place
        return row
    targets = case["inputs"]["target"]["data"]
    rows = [n for n, y in enumerate(targets) if y != config.get("ignore_index")]
    if parts[0] == "tail":
        clusters = np.searchsorted(config["cutoffs"], targets, side="right")
        rows = [n for n in rows if clusters[n] == int(parts[1]) + 1]
    return rows[index[0]] if index[0] < len(rows) else None


def _law(law, info):
    worst, word = _as_written(law.worst, info), dialect(law.worst, info)
    row = "" if law.tensor == "loss" else f"row {worst.index[0]}: "
    got, want = (repr(v).removesuffix(".0") for v in (worst.got, worst.want))
    return [f"  broken law: {law.message}",
            f"      {row}{got} where {want} is due, within {worst.bound:.3g}{word}"]


def _named(names, sentences):
    lines = []
    for place, name in enumerate(names[:4]):
        plain = name.split(" (")[0]
        lead = "  your answer is what this mistake gives:" if place == 0 else "      or this one:"
        lines.append(f"{lead} `{name}`" + (f", {sentences[plain]}" if plain in sentences else ""))
    return lines


def _mostly(failed=0, asked=1):
    """Whether one case alone shows what hangs on chance."""
    return 2 * failed >= asked


def _long(result):
    """What is said of a line that asks all."""
    if result.chance:
        return "fails in some runs, not in all"
    if result.ended_after:
        return "it takes many requests"
    return "no short run was found that shows it"


def reproduce(result, command):
    """The line that shows the failure again."""
    ids, dtypes = result.repeat or ((result.id,), (result.dtype,))
    only = "".join(f" --only {id}" for id in ids)
    if command.startswith("verify"):                    # there is no port to ask
        again = f"npadasoft {command}{only}"
    elif result.state and not result.repeat and not _mostly(*result.chance):
        again = f"npadasoft conform {command}  # {_long(result)}"
    else:
        only += "".join(f" --dtype {dtype}" for dtype in dtypes)
        again = f"npadasoft conform{only} {command}".rstrip()
        if result.chance:
            again += "  # failed {} of the {} times that it was asked".format(*result.chance)
    look = f"      look: npadasoft vectors show {result.id}" if result.case["config"] else ""
    return f"  reproduce: {again}{look}"
