"""The report as text: a line for each tensor, and below it what is wrong there."""
import math

WIDTH = 100
FEW_DIGITS = 10     # of f: a lower precision inside, or a solver that stops early


def render(report, full=False):
    """The report as text: ASCII, 100 columns; one line if all is well, unless `full`."""
    if report.ok and not report.notes and not full:
        return summary(report)
    lines = [_headline(report)] + _table(report)
    lines += _second_order(report)
    lines += [f"{entry['name']}: {entry['text']}  {entry['verdict']}" for entry in report.equations]
    lines += [f"note: {note}" for note in report.notes]
    lines += [_result(report)]
    failed = [tensor for tensor in report.tensors if tensor.verdict not in report.accept]
    if failed:
        seed = report.seed if failed[0].seed is None else failed[0].seed
        call = f'gradcheck.check(..., wrt="{failed[0].path}", seed={seed})'
        lines.append(f"repeat: {report.command or call}")
    return "\n".join(part for line in lines for part in _fold(line))


def summary(report):
    """One line for a check that went well."""
    if report.f is None:
        return f"gradcheck {report.verdict} {report.name}: {_equations(report)}"
    elements = sum(t.checked for t in report.tensors if not t.probed)
    probes = sum(t.checked for t in report.tensors if t.probed) + bool(report.joint)
    ratio = max([t.ratio or 0.0 for t in report.tensors], default=0.0)
    return (f"gradcheck {report.verdict} {len(report.tensors)}/{len(report.tensors)} tensors, "
            f"{elements} elements, {probes} probes, worst {ratio:.2g}")


def _equations(report):
    right = sum(entry["verdict"] == "PASS" for entry in report.equations)
    return f"{right} of {len(report.equations)} products agree"


def _headline(report):
    if report.f is None:
        return f"gradcheck {report.name}  seed {report.seed}"
    dtypes = sorted({tensor.dtype for tensor in report.tensors})
    return (f"gradcheck {report.name}  {'/'.join(dtypes)}  f = {report.f!r}  noise of f "
            f"{_noise(report)}  "
            + (f"worst of {report.points} seeds from {report.seed}" if report.points > 1
               else f"seed {report.seed}"))


def _noise(report):
    """σ; and how many digits of f hold, where they are fewer than a double's by far."""
    sigma = report.noise.get("sigma", math.nan)
    digits = -math.log10(sigma / abs(report.f)) if sigma and report.f else math.inf
    return f"{sigma:.1g}" + (f" ({digits:.0f} digits hold)" if 0.5 < digits < FEW_DIGITS else "")


HEADS = ("shape", "checked", "nonzero", "|diff|", "allowed", "ratio", "catches")
WIDTHS = (8, 11, 7, 7, 7, 7, 7)


def _table(report):
    """A line for each tensor, and below it what is wrong there."""
    if not report.tensors:
        return []
    last = max([len("verdict")] + [len(tensor.verdict) for tensor in report.tensors])
    room = WIDTH - sum(WIDTHS) - len(WIDTHS) - 2 - last
    width = min(room, max([6] + [len(tensor.path) for tensor in report.tensors]))
    lines = [_line("tensor", HEADS, "verdict", width)]
    for tensor in report.tensors:
        path = tensor.path
        if len(path) > width:
            path = path[:width // 3] + ".." + path[len(path) - width + width // 3 + 2:]
        lines += [_line(path, cells(tensor), tensor.verdict, width)] + _details(tensor)
    return lines


def _line(path, cells, verdict, width):
    left = f"{path:<{width}} {cells[0]:<{WIDTHS[0]}}"
    return left + "".join(f" {c:>{w}}" for c, w in zip(cells[1:], WIDTHS[1:])) + f"  {verdict}"


def cells(tensor):
    """What stands in the row of a tensor, under `HEADS`."""
    diff = None if tensor.analytic is None else abs(tensor.analytic - (tensor.numeric or 0.0))
    nonzero = "-" if tensor.nonzero is None else str(tensor.nonzero)
    return (_shape(tensor.shape), _checked(tensor), nonzero, _short(diff),
            _short(tensor.tolerance), _short(tensor.ratio), _short(tensor.would_catch))


def _checked(tensor):
    """`24`, or `sharp 19/24` if some elements are too small to be judged."""
    if tensor.probed:
        return f"{tensor.checked} probes"
    if tensor.sharp is None or tensor.sharp == tensor.checked:
        return str(tensor.checked)
    return f"sharp {tensor.sharp}/{tensor.checked}"


def _short(number):
    """Two digits; nothing of what is below all normal numbers."""
    return "-" if number is None else f"{0 if 0 < abs(number) < 1e-300 else number:.2g}"


def _shape(shape):
    parts = []
    for n in shape:
        power = n.bit_length() - 1
        parts.append(f"2^{power}" if n > 9999 and n == 1 << power else str(n))
    return "x".join(parts) or "scalar"


def _details(tensor):
    lines = []
    if tensor.hint:
        lines.append(f"   pattern: {tensor.hint['text']}")
    if tensor.verdict not in ("PASS", "VACUOUS") and tensor.worst_index is not None:
        lines.append(f"   worst at {list(tensor.worst_index)}: analytic {tensor.analytic:+.9g}  "
                     f"numeric {tensor.numeric:+.9g} +/- {_short(tensor.numeric_error)}")
    if tensor.left is not None:
        lines.append(f"   slopes: left {tensor.left:+.9g}  right {tensor.right:+.9g}")
    if tensor.reason and tensor.verdict != "PASS":
        lines.append(f"   reason: {tensor.reason}")
    return lines


def _second_order(report):
    if not report.second_order:
        return []
    lines = []
    for name in ("curl", "curvature"):
        entry = report.second_order[name]
        lines.append(f"second order, {name}: {entry['text']}  {entry['verdict']}")
    for entry in report.second_order.get("hvp", []):
        lines.append(f"second order, hvp {entry['path']}: worst |diff| {_short(entry['diff'])}  "
                     f"tolerance {_short(entry['tolerance'])}  {entry['verdict']}")
    return lines


def _result(report):
    if report.f is None:
        return (f"RESULT: {report.verdict}, {_equations(report)}.  "
                f"{report.evaluations.get('f', 0)} evaluations of forward, "
                f"{report.evaluations.get('grads', 0)} of backward.")
    counts: dict[str, int] = {}
    for tensor in report.tensors:
        counts[tensor.verdict] = counts.get(tensor.verdict, 0) + 1
    first = counts.pop(report.verdict, 0)
    why = [entry["name"] for entry in report.equations
           if entry["verdict"] == report.verdict != "PASS"]
    if (report.second_order or {}).get("verdict") == report.verdict != "PASS":
        why.append("second order")
    if first or not why:
        why.append(f"{first} of {len(report.tensors)} tensors")
    others = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    return (f"RESULT: {report.verdict}, {' and '.join(why)}"
            f"{f' ({others})' if others else ''}.  {report.evaluations.get('f', 0)} evaluations "
            f"of f, {report.evaluations.get('grads', 0)} of grads.")


def _fold(line, width=WIDTH):
    """A line, broken at spaces where it is longer than `width`."""
    parts = []
    while len(line) > width:
        cut = line.rfind(" ", 8, width)
        cut = cut if cut > 0 else width
        parts.append(line[:cut].rstrip())
        line = "      " + line[cut:].lstrip()
    return parts + [line]
