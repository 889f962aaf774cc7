"""Draw the pictures of the READMEs, as SVG beside this file: bars, layer, judge, gradcheck.

    python notebooks/figures/draw.py

Plain text, no library: a picture is a list of boxes, arrows and words.  The figures in bars.svg
are those that notebook 1 printed, those in gradcheck.svg the report in gradcheck/README.md: nothing
is copied by hand.  Head and tails differ in brightness, so that grey print tells them apart; the
ground is white, so that a picture reads on a dark page.
"""
import json
import math
import re
from pathlib import Path

HERE = Path(__file__).parent
HEAD, TAILS, RED = "#2c4a8c", ("#dd7a45", "#f6cf7c"), "#b3202c"


def svg(width, height, title, *parts):
    return "\n".join([f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" \
font-family="Helvetica, Arial, sans-serif" font-size="15" role="img" aria-labelledby="title">
<title id="title">{title}</title>
<rect width="{width}" height="{height}" fill="white"/>""", *parts, "</svg>\n"])


def box(x, y, width, height, fill="white", line="black"):
    return (f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}" '
            f'stroke="{line}"/>')


def words(x, y, text, anchor="middle", weight="normal", fill="black"):
    return (f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="{fill}">{text}</text>')


def arrow(*points):
    """A line through the points, with a tip at the last one; it runs along an axis there."""
    path = " L".join(f"{x} {y}" for x, y in points)
    (x0, y0), (x, y) = points[-2:]
    dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
    tip = " L".join(f"{x - 9 * dx + side * 4 * dy} {y - 9 * dy + side * 4 * dx}"
                    for side in (-1, 1))
    return f'<path d="M{path}" fill="none" stroke="black"/><path d="M{x} {y} L{tip} z"/>'


# ------------------------------------------------------------------ what it saves

def bars():
    """Multiplications of both softmaxes, as notebook 1 counted them."""
    notebook = json.loads((HERE.parent / "01_the_idea.ipynb").read_text("utf-8"))
    printed = "".join("".join(output.get("text", "")) for cell in notebook["cells"]
                      for output in cell.get("outputs", ()))
    full, adaptive = (int(re.search(rf"^{name} +([\d,]+) multiplications", printed, re.M)[1]
                          .replace(",", "")) for name in ("full", "adaptive"))
    parts = [words(110, 35, "full softmax", "end"), words(110, 75, "adaptive", "end")]
    for y, number, fill in ((15, full, "#999"), (55, adaptive, HEAD)):
        width = 560 * number / full
        parts += [box(120, y, width, 30, fill),
                  words(128 + width, y + 20, f"{number / 1e6:.0f} million", "start", "bold")]
    note = "multiplications to score 512 words of a text with 10,941 different ones"
    return svg(860, 120, "What a softmax costs, full and adaptive", *parts,
               words(120, 108, note, "start"))


# ------------------------------------------------------------------ the layer

def batch(x, y, rows, pitch=16):
    """Eight rows of a batch, in the colour of the part where the target of each lives."""
    fills = ("white", TAILS[0], "white", "white", TAILS[1], "white", TAILS[0], "white")
    return [box(x, y + pitch * n, 70, pitch - 3, fills[n]) for n in rows]


def tail(y, i, rows, classes):
    """Line of the picture for tail i: its rows, its projection, its softmax."""
    middle, hidden = y + 30, (34, 16)[i]
    return [words(275, y - 6, f"rows of tail {i}"),
            *(box(240, y + 6 + 18 * n, 70, 15, TAILS[i]) for n in range(rows)),
            arrow((314, middle), (362, middle)), box(366, y + 5, hidden, 50, "#ddd"),
            words(366 + hidden / 2, y + 74, f"D / {4 ** (i + 1)}"),
            arrow((406, middle), (452, middle)), box(456, y + 5, classes, 50, TAILS[i]),
            words(456 + classes / 2, middle + 5, f"log-softmax of tail {i}")]


def layer():
    """What a batch meets, forward."""
    return svg(
        860, 400, "The adaptive log-softmax: a head for all rows, a tail for its own rows",
        words(75, 28, "input", weight="bold"), *batch(40, 40, range(8)),
        words(75, 190, "rows, coloured where"), words(75, 209, "their targets live"),
        arrow((116, 102), (452, 102)), words(285, 92, "all rows"),
        box(456, 48, 150, 108, HEAD), box(606, 48, 22, 108, TAILS[0]),
        box(628, 48, 22, 108, TAILS[1]), words(531, 98, "log-softmax", fill="white"),
        words(531, 118, "of the head", fill="white"), words(531, 38, "short-list"),
        words(640, 38, "tails 0, 1"),
        arrow((75, 218), (75, 250), (236, 250)), arrow((75, 250), (75, 345), (236, 345)),
        *tail(220, 0, 2, 210), *tail(315, 1, 1, 270),
        words(765, 82, "log p(target) ="), words(765, 104, "head's entry"),
        words(765, 126, "+ tail's entry"),
        arrow((654, 100), (700, 100)), arrow((668, 250), (765, 250), (765, 136)),
        arrow((728, 345), (790, 345), (790, 136)))


# ------------------------------------------------------------------ the judge

def judge():
    """Between golden vectors and a port."""
    tensors = "cluster", "head_logits", "head_log_prob", "output", "loss", "grad.input"
    parts = [box(15, 45, 215, 170, "#eee"), words(122, 32, "golden vectors", weight="bold"),
             *(words(122, 78 + 25 * n, text) for n, text in enumerate((
                 "164 cases: weights, inputs,", "gradients that arrive,",
                 "every tensor that is due,", "and for each number a bound",
                 "on rounding, computed"))),
             box(325, 45, 210, 170, "white"), words(430, 32, "npadasoft conform", weight="bold"),
             box(630, 45, 215, 170, "#eee"), words(737, 32, "your port", weight="bold"),
             words(737, 105, "any language:"), words(737, 130, "a line of JSON comes in,"),
             words(737, 155, "a line of JSON goes out"),
             arrow((230, 130), (321, 130)), arrow((535, 90), (626, 90)), words(580, 80, "inputs"),
             arrow((630, 170), (539, 170)), words(585, 190, "numbers")]
    for n, name in enumerate(tensors):
        right, y = n < 2, 70 + 25 * n
        fill = "black" if right else RED if n == 2 else "#999"
        parts += [words(360, y, "&#10003;" if right else "&#10007;", fill=fill),
                  words(380, y, name, "start", "bold" if n == 2 else "normal", fill)]
    parts += [arrow((430, 215), (430, 255)),
              words(430, 275, "the first wrong tensor: head_log_prob", weight="bold", fill=RED),
              words(430, 298, "your answer is what this mistake gives: `no-shift`, nothing is "
                              "subtracted from the scores before exp")]
    return svg(860, 315, "The judge between golden vectors and a port", *parts)


# ------------------------------------------------------------------ a gradient

def gradcheck():
    """The report in gradcheck/README.md: what differs, what rounding allows, what would show."""
    page = (HERE.parents[1] / "npadasoft" / "gradcheck" / "README.md").read_text("utf-8")
    report = re.findall(r"^(\w+) +[\dx]+ +\d+ +\d+ +(\S+) +(\S+) +\S+ +(\S+) +(\w+)", page,
                        re.M)

    def place(number):
        return 90 + 38 * (math.log10(number) + 17)
    parts = [words(75, 30, "tensor", "end", "bold"), words(845, 30, "verdict", "end", "bold")]
    for n, (name, *numbers, verdict) in enumerate(report):
        y, (diff, allowed, caught) = 50 + 48 * n, map(float, numbers)
        fill = HEAD if verdict == "PASS" else RED
        parts += [words(75, y + 21, name, "end"), box(90, y, place(allowed) - 90, 32, "#ddd"),
                  f'<path d="M{place(caught):g} {y} v32" stroke="black" stroke-dasharray="4 3"/>',
                  f'<circle cx="{place(diff):g}" cy="{y + 16}" r="7" fill="{fill}"/>',
                  words(845, y + 21, verdict, "end", "bold", fill)]
    end = 58 + 48 * len(report)
    parts += [f'<path d="M90 {end} H780" stroke="black"/>']
    for power in range(-16, 2, 4):
        x = place(10.0 ** power)
        parts += [f'<path d="M{x:g} {end} v6" stroke="black"/>', words(x, end + 24, f"1e{power}")]
    return svg(860, end + 80, "What the checker says of three tensors", *parts, words(
        90, end + 50, "dot: your gradient less the measured one, at the worst element (rounding "
        "allows the grey)", "start"), words(
        90, end + 70, "dashed line: the smallest error of one element that would have been caught",
        "start"))


PICTURES = {"bars": bars, "layer": layer, "judge": judge, "gradcheck": gradcheck}


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (HERE / f"{name}.svg").write_text(draw(), encoding="utf-8")
        print(f"{name}.svg")
