"""The page of a report: self-contained, the verdict first, the worst first."""
import re

import numpy as np

from npadasoft import cli, gradcheck
from npadasoft.gradcheck.page import COLUMNS, ROWS, _coarse


def wrong():
    rng = np.random.default_rng(0)
    p = {"good": rng.normal(size=5), "<b>": rng.normal(size=(60, 4)), "many": rng.normal(size=5000)}
    f = lambda p: sum(np.sum(np.sin(x)) for x in p.values())

    def grads(p):
        found = {path: np.cos(x) for path, x in p.items()}
        found["<b>"][2] = 0
        found["many"][17] += 1e-3
        return found
    return gradcheck.check(f, p, grads, name="sines & more")


def test_the_verdict_comes_first_and_the_worst_tensor():
    page = wrong().html()
    assert re.search(r"<body>\s*<h1><span class=\"bad\">FAIL</span> sines &amp; more</h1>", page)
    order = [page.index(f'<td class="text">{name}</td>') for name in ("&lt;b&gt;", "many", "good")]
    assert order == sorted(order)
    assert "only row 2 is wrong" in page and "worst at [2, 0]" in page


def test_nothing_is_fetched_and_nothing_runs():
    page = wrong().html()
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page
    assert "default-src 'none'" in page and "url(" not in page
    assert "<b>" not in page


def test_the_map_shows_where_and_the_curves_tell_right_from_wrong():
    page = wrong().html()
    section = page[page.index("<section><h2>&lt;b&gt;"):]
    dark = re.findall(r'<rect x="(\d+)" y="(\d+)" width="11" height="11" fill="#(?!ffffff)',
                      section)
    assert {y for _, y in dark} == {"11"} and len(dark) == 4      # row 2, in blocks of rows
    yours, numeric = re.findall(r'<polyline points="([^"]*)"', section)[:2]
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in (yours, numeric)]
    assert np.ptp(heights[0]) < 5 < 50 < np.ptp(heights[1])


def test_a_map_is_never_larger_than_a_page_and_loses_no_wrong_element():
    table = np.zeros((1000, 700))
    table[417, 333] = 9.0
    small = _coarse(table)
    assert small.shape == (ROWS, COLUMNS) and small.max() == 9.0 and (small > 0).sum() == 1


def test_a_right_gradient_has_a_page_too(tmp_path, capsys):
    target = tmp_path / "report.html"
    assert cli.main(["gradcheck", "--in-features", "16", "--classes", "8", "--cutoffs", "3,6",
                     "--batch", "5", "--html", str(target)]) == 0
    page = target.read_text("utf-8")
    assert '<span class="good">PASS</span>' in page and "gradcheck" in page
    assert cli.main(["gradcheck", "--html", str(tmp_path / "none" / "x.html")]) == 2
    assert "none" in capsys.readouterr().err
