"""The report as one page that opens from disk, prints, and runs nothing.

First the verdict, then the tensors, the worst first; of each that is not PASS a map of difference
over tolerance, and how the difference quotient comes near both gradients as steps get smaller.
"""
import math
from html import escape

import numpy as np

from npadasoft.gradcheck.text import HEADS, _equations, _second_order, cells, render
from npadasoft.gradcheck.verdicts import PRECEDENCE

STYLE = """body{font:15px/1.45 sans-serif;margin:2em auto;max-width:64em;padding:0 1em;color:#111}
h1{font-size:1.5em}h2{font-size:1.15em;margin:.2em 0}pre{white-space:pre-wrap;background:#f5f5f5;
padding:.6em}table{border-collapse:collapse}td,th{border:1px solid #999;padding:.15em .5em;
text-align:right}th{background:#eee}td.text{text-align:left}section{break-inside:avoid;border-top:
1px solid #999;margin-top:1.5em;padding-top:.5em}.pair{display:flex;flex-wrap:wrap;gap:2em}
.bad{color:#8b1a2b;font-weight:bold}.good{color:#1b5e20;font-weight:bold}figure{margin:.5em 0}
figcaption{font-size:.9em;max-width:34em}svg{font:12px sans-serif}@media print{body{margin:0}}"""
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>{title}</title><style>{style}</style>
</head><body>"""
# within the tolerance, up to a fail, then darker by three decades each: in grey as well
SHADES = ("#ffffff", "#fdf3c0", "#f8b65c", "#e07333", "#b5302a", "#6d1226", "#2c0519")
LIMITS = (1.0, 4.0, 1e3, 1e6, 1e9, 1e12)
SAID = ("within", "1 to 4", "to 1e3", "to 1e6", "to 1e9", "to 1e12", "above")
ROWS, COLUMNS, CELL = 40, 64, 11        # of a map; more are shown by their worst
WIDE, HIGH, LEFT, LOW = 430, 250, 62, 36        # of a curve


def page(report):
    """The page as text; nothing in it is fetched from anywhere."""
    order = sorted(report.tensors, key=lambda t: (PRECEDENCE.index(t.verdict), -(t.ratio or 0)))
    title = f"gradcheck {report.name}: {report.verdict}"
    parts = [HEAD.format(title=escape(title), style=STYLE), f"<h1>{_colour(report.verdict)} "
             f"{escape(report.name)}</h1>", f"<p>{escape(_sentence(report, order))}</p>",
             _table(order), _lists(report)]
    parts += [_section(tensor) for tensor in order if tensor.verdict != "VACUOUS"
              and (tensor.verdict != "PASS" or tensor is order[0])]
    parts += [f"<h2>As text</h2><pre>{escape(render(report, full=True))}</pre>"]
    return "\n".join(part for part in parts if part) + "</body></html>\n"


def _colour(verdict):
    return f'<span class="{"good" if verdict == "PASS" else "bad"}">{verdict}</span>'


def _sentence(report, order):
    bad = [t for t in order if t.verdict not in report.accept]
    if report.f is None:
        return f"{_equations(report)}."
    if not bad and report.ok:
        return (f"{'All' if len(order) > 1 else 'The'} {len(order) if len(order) > 1 else ''} "
                f"tensor{'s are' if len(order) > 1 else ' is'} right, as far as rounding shows.")
    names = ", ".join(t.path for t in bad[:4]) + (" ..." if len(bad) > 4 else "")
    second = report.second_order or {}
    first = f"{len(bad)} of {len(order)} tensors: {names}."
    if not bad:
        first = "The gradients are right" + (f", their derivative is {second['verdict']}."
                                             if second.get("verdict") == report.verdict else
                                             f", but {_unequal(report)}.")
    hint = f" {bad[0].path}: {bad[0].hint['text']}." if bad and bad[0].hint else ""
    return first + hint


def _unequal(report):
    names = [entry["name"] for entry in report.equations if entry["verdict"] not in report.accept]
    return f"not all that belongs to them: {', '.join(names)}"


def _table(order):
    head = "".join(f"<th>{escape(name)}</th>" for name in ("tensor", *HEADS, "verdict"))
    rows = [f'<tr><td class="text">{escape(t.path)}</td>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells(t))
            + f"<td>{_colour(t.verdict)}</td></tr>" for t in order]
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>" if rows else ""


def _lists(report):
    said = [f"{e['name']}: {e['text']}: {e['verdict']}" for e in report.equations]
    said += _second_order(report)
    said += [f"note: {note}" for note in report.notes]
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in said)}</ul>" if said else ""


def _section(tensor):
    lines = []
    if tensor.worst_index is not None and tensor.analytic is not None:
        lines.append(f"worst at {list(tensor.worst_index)}: analytic {tensor.analytic:+.9g}, "
                     f"numeric {tensor.numeric:+.9g} ± {tensor.numeric_error:.2g}")
    if tensor.left is not None:
        lines.append(f"slopes: left {tensor.left:+.9g}, right {tensor.right:+.9g}")
    lines += [tensor.reason] if tensor.reason else []
    lines += [f"pattern: {tensor.hint['text']}"] if tensor.hint else []
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (f"<section><h2>{escape(tensor.path)} {_colour(tensor.verdict)}</h2>{text}"
            f'<div class="pair">{_map(tensor)}{_curve(tensor)}</div></section>')


# -------------------------------------------------------------------- the map

def _map(tensor):
    if tensor.ratios is None or not np.size(tensor.ratios):
        return ""
    ratios = np.asarray(tensor.ratios, float)
    table = _coarse(ratios.reshape(-1, ratios.shape[-1]) if ratios.ndim > 1
                    else ratios.reshape(1, -1))
    rects = []
    for (i, j), ratio in np.ndenumerate(table):
        shade = SHADES[sum(ratio > limit for limit in LIMITS)]
        rects.append(f'<rect x="{j * CELL}" y="{i * CELL}" width="{CELL}" height="{CELL}" '
                     f'fill="{shade}" stroke="#bbb" stroke-width=".5"/>')
    wide = max(table.shape[1] * CELL, 7 * 62)
    y = table.shape[0] * CELL + 10
    for k, (shade, said) in enumerate(zip(SHADES, SAID)):
        rects.append(f'<rect x="{k * 62}" y="{y}" width="12" height="12" fill="{shade}" '
                     f'stroke="#777"/><text x="{k * 62 + 15}" y="{y + 11}">{said}</text>')
    shape = "x".join(map(str, ratios.shape))
    return (f'<figure><svg width="{wide}" height="{y + 16}" role="img">{"".join(rects)}</svg>'
            f"<figcaption>difference over tolerance, {shape}; a FAIL from 4 on"
            f"{', cells are the worst of a block' if table.size < ratios.size else ''}"
            "</figcaption></figure>")


def _coarse(table):
    """At most ROWS x COLUMNS cells, each the worst of its block."""
    for axis, most in ((0, ROWS), (1, COLUMNS)):
        n = table.shape[axis]
        if n > most:
            edges = np.linspace(0, n, most + 1).astype(int)[:-1]
            table = np.maximum.reduceat(table, edges, axis=axis)
    return table


# -------------------------------------------------------------------- the curve

def _curve(tensor):
    curve = tensor.curve
    if not curve or len(curve["levels"]) < 2:
        return ""
    steps = [abs(h) for h, _ in curve["levels"]]
    sides = [("to your gradient", curve["analytic"], "#8b1a2b", ""),
             ("to the numeric one", curve["numeric"], "#1f4e8c", ' stroke-dasharray="5 3"')]
    tops = [abs(d - value) for _, value, *_ in sides for _, d in curve["levels"]]
    shown = [top for top in tops if top > 0 and math.isfinite(top)]
    if not shown:
        return ""
    x = _axis(min(steps), max(steps), LEFT, WIDE - 24)
    y = _axis(min(shown), max(shown), HIGH - LOW, 24)
    parts = _ticks(x, y)
    for k, (name, value, colour, dash) in enumerate(sides):
        points = " ".join(f"{x.at(h):.1f},{y.at(abs(d - value) or min(shown)):.1f}"
                          for h, (_, d) in zip(steps, curve["levels"]) if math.isfinite(d))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                     f'stroke-width="2"{dash}/><text x="{LEFT + 8 + 150 * k}" y="14" '
                     f'fill="{colour}">{name}</text>')
    return (f'<figure><svg width="{WIDE}" height="{HIGH}" role="img">{"".join(parts)}</svg>'
            f"<figcaption>how far the difference quotient is off, by step, {escape(curve['of'])}: "
            "a right gradient is what it falls towards until rounding takes over, a wrong one "
            "leaves it level</figcaption></figure>")


class _axis:
    """A logarithmic axis from pixel to pixel."""

    def __init__(self, low, high, start, end):
        self.low, self.high = math.floor(math.log10(low)), math.ceil(math.log10(high))
        self.high = max(self.high, self.low + 1)
        self.start, self.end = start, end

    def at(self, value):
        """The pixel of a value."""
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def powers(self):
        """Five of ten, at most."""
        return range(self.low, self.high + 1, max(1, math.ceil((self.high - self.low) / 5)))


def _ticks(x, y):
    base = HIGH - LOW
    parts = [f'<path d="M{LEFT} 20V{base}H{WIDE - 10}" fill="none" stroke="#333"/>',
             f'<text x="{WIDE - 10}" y="{HIGH - 4}" text-anchor="end">step</text>']
    for power in x.powers():
        at = x.at(10.0 ** power)
        parts.append(f'<path d="M{at:.1f} {base}v5" stroke="#333"/><text x="{at:.1f}" '
                     f'y="{base + 18}" text-anchor="middle">1e{power}</text>')
    for power in y.powers():
        at = y.at(10.0 ** power)
        parts.append(f'<path d="M{LEFT - 5} {at:.1f}h5" stroke="#333"/><text x="{LEFT - 8}" '
                     f'y="{at + 4:.1f}" text-anchor="end">1e{power}</text>')
    return parts
