"""Draw the layer: what a batch meets, forward.  Writes layer.svg beside this file.

    python notebooks/figures/draw_layer.py

Plain text, no library: the picture is a list of boxes, arrows and words.  Grey alone, so that it
prints; a white ground, so that it reads on a dark page.
"""
from pathlib import Path

WIDTH, HEIGHT = 860, 400
HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" \
font-family="Helvetica, Arial, sans-serif" font-size="15" role="img" aria-labelledby="title">
<title id="title">The adaptive log-softmax: a head for all rows, a cluster for its own rows</title>
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>"""


def box(x, y, width, height, grey, line="black"):
    return (f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{grey}" '
            f'stroke="{line}"/>')


def words(x, y, text, anchor="middle", weight="normal", fill="black"):
    return (f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="{fill}">{text}</text>')


def arrow(*points):
    """A line through the points, with a tip at the last one; it runs along an axis there."""
    path = " L".join(f"{x} {y}" for x, y in points)
    (x0, y0), (x, y) = points[-2:]
    dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
    tip = " L".join(f"{x - 9 * dx + side * 4 * dy} {y - 9 * dy + side * 4 * dx}"
                    for side in (-1, 1))
    return f'<path d="M{path}" fill="none" stroke="black"/><path d="M{x} {y} L{tip} z"/>'


def batch(x, y, rows, pitch=16):
    """Eight rows of a batch, each as dark as its target is rare; only `rows` are drawn."""
    greys = ("white", "#999", "white", "white", "#444", "white", "#999", "white")
    return [box(x, y + pitch * n, 70, pitch - 3, greys[n]) for n in rows]


def cluster(y, rows, i, classes, hidden):
    """Row of the picture for cluster i: its rows, its projection, its softmax."""
    middle = y + 30
    parts = [words(275, y - 6, f"rows of cluster {i}")]
    parts += [box(240, y + 6 + 18 * n, 70, 15, grey) for n, grey in enumerate(rows)]
    parts += [arrow((314, middle), (362, middle)),
              box(366, y + 5, 34 if i == 1 else 16, 50, "#ddd"),
              words(366 + (17 if i == 1 else 8), y + 74, hidden),
              arrow((406, middle), (452, middle)),
              box(456, y + 5, classes, 50, "#ddd"),
              words(456 + classes / 2, middle + 5, f"log-softmax of cluster {i}")]
    return parts


def picture():
    parts = [HEAD, words(75, 28, "input", weight="bold"), *batch(40, 40, range(8)),
             words(75, 190, "rows, as dark as"), words(75, 209, "their targets are rare")]
    parts += [arrow((116, 102), (452, 102)), words(285, 92, "all rows")]
    parts += [box(456, 48, 150, 108, "white"), box(606, 48, 22, 108, "#999"),
              box(628, 48, 22, 108, "#444"), words(531, 98, "log-softmax"),
              words(531, 118, "of the head"), words(531, 38, "short-list"),
              words(640, 38, "clusters 1, 2")]
    parts += [arrow((75, 218), (75, 250), (236, 250)), arrow((75, 250), (75, 345), (236, 345))]
    parts += cluster(220, ("#999", "#999"), 1, 210, "D / 4")
    parts += cluster(315, ("#444",), 2, 270, "D / 16")
    parts += [words(765, 82, "log p(target) ="), words(765, 104, "head's entry"),
              words(765, 126, "+ cluster's entry"),
              arrow((654, 100), (700, 100)), arrow((668, 250), (765, 250), (765, 136)),
              arrow((728, 345), (790, 345), (790, 136))]
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    path = Path(__file__).with_name("layer.svg")
    path.write_text(picture(), encoding="utf-8")
    print(path.name)
