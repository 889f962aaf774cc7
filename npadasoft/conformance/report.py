"""What a person reads of a run, and the same for machines: JSON and JUnit."""
import json
import xml.etree.ElementTree as ElementTree
from collections import Counter

import numpy as np

from npadasoft._version import __version__
from npadasoft.conformance.compare import ancestors, blocks, values
from npadasoft.conformance.session import BAD, VERDICTS, as_json, exit_status, worst_ratio

TIERS = ("required", "quality", "excellence", "extensions")
_SHORT = {"pass": "ok", "fail": "FAIL", "error": "ERROR", "crashed": "CRASHED", "timeout": "TIMEOUT",
          "skipped": "skipped", "incomplete": "incomplete"}


# ------------------------------------------------------------------ for a person

def describe(result, command, show_all=False, mistakes=None):
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
    """
    lines = [headline(result)]
    if result.expected_fail:
        lines.append("  expected to fail")
    if result.message:
        lines.append(f"  {result.message}")
    if result.skipped:
        lines.append(f"  {result.skipped}")
    for name in result.origins:
        lines += _origin(result, name)
    for law in result.broken_laws:
        lines += _law(law)
    later = [name for name in result.differing if name not in result.origins]
    if later:
        lines.append(_later(later, show_all))
    lines += _named(result.mistakes, mistakes or {})
    lines += [f"  note: {note}" for note in result.notes]
    if result.stderr:
        lines.append("  stderr: " + result.stderr.replace("\n", "\n          "))
    if result.verdict in BAD:
        lines.append(_reproduce(result, command))
    return "\n".join(lines)


def headline(result):
    """Id, flags, dtype, verdict and comment, on one line."""
    flags = ", ".join(result.case.get("flags", ()))
    return (f"{result.id:<5}{flags:<24} {result.dtype:<9} {_SHORT[result.verdict]:<10} "
            f"{result.case.get('comment', '')}".rstrip())


def _origin(result, name):
    comparison = result.comparisons[name]
    lines = [f"  first divergence: {name:<22} {_why_origin(result, name)}".rstrip()]
    if comparison.worst is None:
        return lines + [f"      {comparison.message}"]
    return lines + ["      " + element(comparison.worst, result.dtype)
                    + _context(result.case, name, comparison.worst.index)]


def _why_origin(result, name):
    expected = next((b for b in blocks(result.case) if name in b), None)
    if expected is None:
        return ""
    before = ancestors(expected, name, result.answered)
    tensors = [p for p in before if p in expected]
    unseen = [p for p in expected[name].get("after", ()) if p in expected and p not in result.answered]
    if unseen:
        return f"({', '.join(unseen)} before it were not answered: a port that puts them into its \"trace\" " \
               "learns which step it is)"
    if not tensors:
        return "(its inputs are golden data: nothing before it can be wrong)"
    return f"({', '.join(tensors)}, which it is computed from, agree{'s' * (len(tensors) == 1)})"


def element(worst, dtype):
    """One number that is wrong: both values, and how far they are apart."""
    place = f"[{', '.join(map(str, worst.index))}]" if worst.index else "value"
    text = f"{place}  got {number(worst.got, dtype)}   want {number(worst.want, dtype)}"
    if worst.ratio is not None:
        text += f"   off by {worst.ratio:.3g} x the bound of {worst.bound:.3g}"
    if worst.ulps and np.isfinite(worst.ulps) and worst.ratio is not None:
        text += f", {worst.ulps:.3g} ulp"
    return text


def number(value, dtype):
    """A number in decimal; in hex too unless it is an integer."""
    if not isinstance(value, float):
        return "one of " + str(value) if isinstance(value, (list, tuple)) else str(value)
    if not np.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    shown = float(np.float32(value)) if dtype == "float32" else value
    return f"{value:.{9 if dtype == 'float32' else 17}g} ({shown.hex()})"


def _context(case, name, index):
    """The target of the row where a number is wrong, and the cutoffs it is to be seen with."""
    target = case.get("inputs", {}).get("target")
    row = row_of(case, name, index)
    if target is None or row is None:
        return ""
    return f"       target {target['data'][row]}, cutoffs {case['config']['cutoffs']}"


def row_of(case, name, index):
    """The row of the batch that element `index` of a tensor belongs to; None if it has none."""
    targets, edges = case.get("inputs", {}).get("target", {}).get("data", []), case["config"]["cutoffs"]
    parts = name.removeprefix("grad.").split(".")
    if not index or parts[-1] in ("weight", "bias") or name == "loss":
        return None
    rows = [n for n, y in enumerate(targets) if y != case["config"].get("ignore_index")]
    if parts[0] == "tail":
        rows = [n for n in rows if int(np.searchsorted(edges, targets[n], side="right")) == int(parts[1]) + 1]
    elif name in ("output", "log_prob", "predict", "grad.input"):
        rows = list(range(len(targets)))
        lead = case["inputs"]["input"]["shape"][:-1]
        index = (int(np.ravel_multi_index(index[:len(lead)], lead)),) if lead else (0,)
    return rows[index[0]] if index[0] < len(rows) else None


def _law(law):
    worst = law.worst
    return [f"  broken law: {law.message}",
            f"      row {worst.index[0]}: {worst.got:.17g}, should be {worst.want:.17g} "
            f"(within {worst.bound:.3g})"]


def _later(later, show_all):
    n = len(later)
    text = f"  {n} later tensor{'s' * (n > 1)} differ{'s' * (n == 1)} too, computed from it"
    return f"{text}: {', '.join(later)}" if show_all else f"{text} (--all lists {'them' if n > 1 else 'it'})"


def _named(names, sentences):
    if not names:
        return []
    first = f"  your answer is what this mistake gives: `{names[0]}`"
    lines = [first + (f", {sentences[names[0]]}" if names[0] in sentences else "")]
    return lines + [f"      or `{name}`" + (f", {sentences[name]}" if name in sentences else "")
                    for name in names[1:4]]


def _reproduce(result, command):
    return (f"  reproduce: npadasoft conform --only {result.id} --dtype {result.dtype} {command}      "
            f"look: npadasoft vectors show {result.id}")


def show(case, flags, row=None):
    """A case as a person reads it; with `row`, of the tensors with rows that one alone."""
    lines = [f"{case['id']}  {case['tier']}, {case['result']}: {case['comment']}"]
    lines += [f"  {name}: {flags[name]['description']}" for name in case["flags"] if name in flags]
    lines.append("config " + json.dumps(case["config"]))
    for group in ("params", "inputs", "cotangents"):
        lines += [_tensor(f"{group}.{name}", t, row if name in ("input", "target", "output", "log_prob") else None)
                  for name, t in case.get(group, {}).items()]
    for block in blocks(case):
        for name, tensor in block.items():
            lines.append(_expected(case, name, tensor, row))
    return "\n".join(line for line in lines if line)


def _expected(case, name, tensor, row):
    if not isinstance(tensor, dict) or "data" not in tensor:
        shown = tensor.get("sets", tensor) if isinstance(tensor, dict) else tensor
        return f"expected.{name} {json.dumps(shown)}"
    text = _tensor(f"expected.{name}", tensor, None)
    if row is not None and tensor["shape"] and "at" not in tensor:
        places = [n for n in range(tensor["shape"][0]) if row_of(case, name, (n,)) in (row, None)]
        text = "\n".join(_tensor(f"expected.{name}", tensor, n) for n in places) \
            if row_of(case, name, (0,)) is not None else ""
    return text and text + f"    after {', '.join(tensor['after'])}"


def _tensor(name, tensor, row):
    array = values(tensor)
    where = "" if row is None or not array.ndim else f"[{row}]"
    shown = array if not where else array[row]
    kind = f" exact in {tensor['exact_bits']} bits" if "exact_bits" in tensor else ""
    return f"{name}{where} {list(tensor['shape'])}{kind}\n" + np.array2string(
        shown, separator=", ", prefix="  ", max_line_width=100, threshold=400, floatmode="unique")


def summary(results):
    """{tier: {dtype: {verdict: count}}}."""
    table: dict[str, dict] = {tier: {} for tier in TIERS}
    for result in results:
        table[result.tier].setdefault(result.dtype, Counter())[result.verdict] += 1
    return {tier: {dtype: {v: counts[v] for v in VERDICTS if counts[v]} for dtype, counts in row.items()}
            for tier, row in table.items()}


def conclusion(results, unasked=()):
    """The last lines: the count of every verdict, and what follows."""
    lines = []
    for tier, row in summary(results).items():
        for dtype, counts in row.items():
            shown = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
            lines.append(f"{tier:<11} {dtype:<9} {shown}")
    ratio = worst_ratio(results)
    if ratio is not None:
        lines.append(f"closest to its bound: {ratio:.3g} of it")
    lines += [f"never asked: {op}, which the port does not announce" for op in unasked]
    surprises = [r.id for r in results if r.expected_fail and r.counts]
    if surprises:
        lines.append(f"expected to fail, but did not: {', '.join(sorted(set(surprises)))}")
    status = exit_status(results)
    lines.append({0: "every required case passed", 1: "NOT conformant: see above",
                  3: "all that ran passed, but some required cases did not run in full"}[status])
    return "\n".join(lines)


# ------------------------------------------------------------------ for machines

def as_report(results, info, command, suite):
    """The report as a JSON value."""
    status = exit_status(results)
    ratio = worst_ratio(results)
    return {"npadasoft": __version__, "suite": suite, "command": list(command),
            "implementation": {"name": info.name, "version": info.version, "language": info.language},
            "verdict": {0: "pass", 1: "fail", 3: "incomplete"}[status], "exit": status,
            "worst_ratio": ratio, "summary": summary(results),
            "cases": [as_json(result) for result in results]}


def write(path, results, info, command, suite):
    """Write the report to `path`: JUnit if it ends in .xml, else JSON."""
    if str(path).endswith(".xml"):
        as_junit(results, info).write(path, encoding="utf-8", xml_declaration=True)
        return
    with open(path, "w", encoding="utf-8") as file:
        json.dump(as_report(results, info, command, suite), file, indent=1, allow_nan=False)
        file.write("\n")


def as_junit(results, info):
    """One suite a tier and dtype, one test a case; what does not count in the exit status is skipped."""
    root = ElementTree.Element("testsuites", name=f"npadasoft conform: {info.name}")
    groups: dict[tuple, list] = {}
    for result in results:
        groups.setdefault((result.tier, result.dtype), []).append(result)
    for (tier, dtype), group in groups.items():
        kinds = [_junit_kind(r) for r in group]
        suite = ElementTree.SubElement(
            root, "testsuite", name=f"{tier}.{dtype}", tests=str(len(group)),
            failures=str(kinds.count("failure")), errors=str(kinds.count("error")),
            skipped=str(kinds.count("skipped")), time=f"{sum(r.seconds for r in group):.3f}")
        for result, kind in zip(group, kinds):
            test = ElementTree.SubElement(suite, "testcase", classname=f"{tier}.{dtype}", name=result.id,
                                          time=f"{result.seconds:.4f}")
            if kind:
                text = describe(result, "", show_all=True)
                ElementTree.SubElement(test, kind, message=text.splitlines()[0]).text = text
    return ElementTree.ElementTree(root)


def _junit_kind(result):
    if result.verdict == "pass" and not result.counts:
        return None
    if result.verdict in ("skipped", "incomplete") or not result.counts or result.tier != "required":
        return "skipped" if result.verdict != "pass" else None
    return "failure" if result.verdict in ("fail", "pass") else "error"
