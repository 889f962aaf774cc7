"""The report as a page: one file that opens from disk, prints, and runs nothing.

What a port said stands in it as text, never as markup; there is no script, no address that is
fetched, and a policy that would let none in.
"""
from html import escape

import numpy as np

from npadasoft.conformance.judge.causes import causes, example
from npadasoft.conformance.judge.compare import blocks, stored, terms
from npadasoft.conformance.judge.conclusion import conclusion, summary
from npadasoft.conformance.judge.outline import remarkable
from npadasoft.conformance.judge.report import describe, dialect, misread_in
from npadasoft.conformance.judge.verdict import exit_status
from npadasoft.conformance.wire.messages import is_shifted, is_turned

MOST_CASES = 60         # in full; the summary counts them all
ROWS, COLUMNS = 24, 12  # of a tensor
# white to black over yellow, orange and red: each darker than the one before, in grey as well
SHADES = ("#ffffff", "#fff3c4", "#fdd068", "#f5953a", "#cf4a2a", "#8b1a2b", "#3d0c24")
FIRST_DARK, DARK = 4, ' class="dark"'       # from this shade on, text is white
STYLE = """body{font:15px/1.45 sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#111}
pre{white-space:pre-wrap;background:#f5f5f5;padding:.6em}table{border-collapse:collapse}
td,th{border:1px solid #999;padding:.15em .5em;text-align:right}th{background:#eee}
.text{text-align:left}.pair{display:flex;flex-wrap:wrap;gap:2em}.dark{color:#fff}caption{text-align:left}
section{break-inside:avoid;border-top:1px solid #999;margin-top:1.5em}
td,span{-webkit-print-color-adjust:exact;print-color-adjust:exact}span{padding:.15em .5em}
@media print{body{margin:0;max-width:none;font-size:11px}}"""
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>{title}</title><style>{style}</style>
</head><body>"""


def page(results, info, suite, command="", sentences=None):
    """The page as text.

    Parameters
    ----------
    results : list of Result
    info : PortInfo
    suite : str
        Version of the vectors.
    command : str
        The end of the command line that judges this port.
    sentences : mapping, optional
        Name of a known mistake -> what it does.

    Returns
    -------
    str
    """
    title = f"{info.name} {info.version}, judged by npadasoft, suite {suite}"
    failing = remarkable(results)
    found = causes(failing)
    shown = _shown(found, failing)
    parts = [HEAD.format(title=escape(title), style=STYLE), f"<h1>{escape(title)}</h1>",
             f"<pre>{escape(conclusion(results, info.trace))}</pre>", _tiers(results),
             _causes(found, shown, sentences or {})]
    parts += [_legend()] if shown else []
    parts += [_case(r, command, sentences, misread_in(results)) for r in shown]
    if len(failing) > len(shown):
        parts.append(f"<p>{len(failing) - len(shown)} more are in the report in JSON.</p>")
    return "\n".join([*parts, "</body></html>\n"])


def _shown(found, failing):
    """The results that are shown in full: an example of each cause, then the others in turn."""
    order = {id(r): r for r in [*map(example, found), *failing]}
    kept = list(order)[:MOST_CASES]
    return [r for r in failing if id(r) in kept]


def _tiers(results):
    rows = [f"<tr><th>{tier}</th><td>{dtype}</td><td>"
            f"{', '.join(f'{n} {v}' for v, n in counts.items())}</td></tr>"
            for tier, row in summary(results).items() for dtype, counts in row.items()]
    return f"<table><caption>status {exit_status(results)}</caption>{''.join(rows)}</table>"


def _causes(found, shown, sentences):
    if not found:
        return "<p>Nothing fails.</p>"
    rows = []
    for cause in found:
        name = cause.text.strip("`").split("`")[0].split(" (")[0]
        about = f", {sentences[name]}" if cause.kind == "mistake" and name in sentences else ""
        links = " ".join(f'<a href="#{_anchor(r)}">{escape(r.id)}</a>' for r in [
            r for r in cause.results if any(r is one for one in shown)][:12])
        text = escape(cause.shown + about + cause.alike)
        rows.append(f'<tr><td>{cause.n_cases}</td><td class="text">{text}'
                    f'</td><td class="text">{links}</td></tr>')
    return ('<h2>Why</h2><table><tr><th>cases</th><th class="text">cause</th>'
            f'<th class="text">some of them</th></tr>{"".join(rows)}</table>')


def _anchor(result):
    return f"{result.id}-{result.dtype}"


def _case(result, command, sentences, misread):
    """One case: what the terminal shows, and the first tensor that is wrong as a heat map."""
    text = describe(result, command, False, sentences, misread)
    parts = [f'<section id="{_anchor(result)}"><h3>{escape(result.id)}, {escape(result.dtype)}'
             f"</h3><pre>{escape(text)}</pre>"]
    for name in result.origins[:1]:
        parts.append(_heat(result, name))
    return "".join(parts) + "</section>"


def _heat(result, name):
    """A tensor of numbers as two tables, in the port's layout and index base."""
    block: dict = next((b[name] for b in blocks(result.case) if name in b), {})
    got = next((a.results[name] for a in result.answers.values() if name in a.results), None)
    if got is None or not got.size or list(got.shape) != list(block.get("shape", [])):
        return ""
    got, want, ratio = _judged(got, block, result)
    place = _numbered(got, block)
    worst = result.comparisons[name].worst
    word = dialect(worst, result.info)
    if is_turned(name, result.info.layout if result.info else "out_in"):
        place = place[..., ::-1]
        if "at" not in block:
            got, want, ratio, place = (np.swapaxes(a, 0, 1) for a in (got, want, ratio, place))
    rows, columns = (_window(ratio.max(1 - axis), most)
                     for axis, most in ((0, ROWS), (1, COLUMNS)))
    cut = "" if ratio[rows, columns].size == ratio.size else (
        f" ({_part(rows, len(got), 'stored numbers' if 'at' in block else 'rows')}"
        + (f", {_part(columns, got.shape[1], 'columns')}" if got.shape[1] > 1 else "") + ")")
    tables = [_table(title, *(a[rows, columns] for a in (shown, got, want, ratio, place)))
              for title, shown in (("got", got), ("want", want))]
    return (f"<p>First divergence: <b>{escape(name)}</b>{escape(word + cut)}. The darker, the "
            f'farther off; hover for the numbers.</p><div class="pair">{"".join(tables)}</div>')


def _judged(got, block, result):
    """What was answered, what is due, and error over bound: matrices; want may hold sets."""
    base = result.info.index_base if result.info and is_shifted(result.origins[0]) else 0
    if "sets" in block:
        flat = got.ravel().astype(np.int64)
        wrong = [c not in allowed for c, allowed in zip(flat.tolist(), block["sets"])]
        want = np.array([" or ".join(str(c + base) for c in allowed) for allowed in block["sets"]])
        return (flat[:, None] + base, want[:, None],
                np.where(wrong, np.inf, 0.0)[:, None])
    due = stored(block, result.dtype, terms(result.case))
    want, bound = due.want, due.bound
    got = got.ravel()[block["at"]] if "at" in block else got
    width = want.shape[-1] if want.ndim > 1 else 1
    got, want, bound = (np.broadcast_to(a, want.shape).reshape(-1, width)
                        for a in (got, want, bound))
    with np.errstate(all="ignore"):
        ratio = np.where(got == want, 0.0, np.abs(got - want) / bound)
    ratio = np.where(np.isnan(got) & np.isnan(want), 0.0, np.where(np.isnan(ratio), np.inf, ratio))
    return got + base, want + base, ratio


def _numbered(got, block):
    """The index in the tensor of each number of the matrix that is shown."""
    shape = tuple(block["shape"])
    flat = np.array(block.get("at", range(max(int(np.prod(shape)), 1))))
    place = np.stack(np.unravel_index(flat, shape or (1,)), axis=-1)
    return place.reshape(*got.shape, -1)


def _window(ratios, most):
    """The slice of so many places around the first that is farthest off."""
    start = min(max(int(np.argmax(ratios)) - most // 2, 0), max(len(ratios) - most, 0))
    return slice(start, start + most)


def _part(part, n, what):
    return f"{what} {part.start} to {min(part.stop, n) - 1} of {n}"


def _table(title, shown, got, want, ratio, place):
    rows = []
    for n in range(len(shown)):
        cells = []
        for k in range(shown.shape[1]):
            level = shade(float(ratio[n, k]))
            hover = f"{place[n, k].tolist()} got {got[n, k]!s}, want {want[n, k]!s}, " \
                    f"{ratio[n, k]:.3g} of the bound"
            dark = DARK if level >= FIRST_DARK else ""
            text = shown[n, k] if isinstance(shown[n, k], str) else f"{shown[n, k]:.6g}"
            cells.append(f'<td{dark} style="background:{SHADES[level]}" title="{escape(hover)}">'
                         f"{text}</td>")
        row = place[n, 0].tolist()
        label = row if len(row) < 2 or shown.shape[1] == 1 else row[:-1]
        rows.append(f"<tr><th>{', '.join(map(str, label))}</th>{''.join(cells)}</tr>")
    if shown.shape[1] > 1:
        numbers = "".join(f"<th>{k}</th>" for k in place[0, :, -1])
        rows.insert(0, f"<tr><th></th>{numbers}</tr>")
    return f"<table><caption>{title}</caption>{''.join(rows)}</table>"


def _legend():
    """What the shades say, once."""
    texts = ["within its bound", *(f"up to 1e{2 * n} of it" for n in range(1, 5)), "more",
             "infinite, or where numbers must be equal"]
    shades = [f'<span{DARK if level >= FIRST_DARK else ""} style="background:{colour}">{text}'
              "</span>" for level, (colour, text) in enumerate(zip(SHADES, texts))]
    return f"<p>Error of a number: {' '.join(shades)}</p>"


def shade(ratio):
    """Which of SHADES an error of so many bounds has: the first is within, the last beyond all.

    Examples
    --------
    >>> [shade(r) for r in (0.0, 1.0, 1.5, 100.0, 1e12, float("inf"))]
    [0, 0, 1, 2, 5, 6]
    """
    if ratio <= 1:
        return 0
    return 6 if not np.isfinite(ratio) else min(1 + int(np.log10(ratio) // 2), 5)
