"""The report as a page, as a badge, and two reports held against each other."""
import json
import re
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
from turned_port import Turned
from witnesses import tools

from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge import page as pages
from npadasoft.conformance.judge.machine import badge
from npadasoft.conformance.judge.page import SHADES, page
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import PortInfo

CASES = vectors_io.select(vectors_io.load(), ["T03", "T04", "S08"])
EVIL = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Evil(Ours):
    """Wrong, and every text that it may choose is markup."""

    info = PortInfo(EVIL, EVIL, EVIL, trace=("head_logits",))

    def forward(self, *args):
        found = super().forward(*args)
        return found | {"head_logits": found["head_logits"] + np.arange(3)[0] + 0.5}

    def predict(self, *args):
        raise ValueError(EVIL)


class Wrong(Evil):
    """The same, with numbers to show."""

    def predict(self, *args):
        return Ours.predict(self, *args)


def results_of(port):
    session = Session(port, CASES)
    return session.run(["float64"])


class Tags(HTMLParser):
    """Which tags and attributes a page has."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.links, self.ids = set(), set(), [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.links += [v for name, v in attributes if name in ("href", "src")]
        self.ids |= {v for name, v in attributes if name == "id"}


def test_a_page_holds_nothing_that_a_port_could_inject_and_its_links_lead_somewhere():
    text = page(results_of(Evil()), Evil.info, "1.0.0", f"-- {EVIL}")
    found = Tags(text)
    assert "&lt;script&gt;" in text and not found.tags & {"script", "img", "iframe", "link"}
    assert not any(name.startswith("on") for name in found.attributes)
    assert found.links and all(v[0] == "#" and v[1:] in found.ids for v in found.links)


def test_each_cause_has_an_example_and_all_links_lead_somewhere_however_many_cases_fail(
        monkeypatch):
    def run(port, *only):
        cases = vectors_io.select(vectors_io.load(), only)
        return Session(port, cases).run(["float64"])

    monkeypatch.setattr(pages, "MOST_CASES", 3)
    results = run(Wrong(), "T0*") + run(Evil(), "P01", "P03")
    text = page(results, Evil.info, "1.0.0")
    found = Tags(text)
    assert len(found.ids) == 3 and "more are in the report in JSON" in text
    assert found.links and all(v[1:] in found.ids for v in found.links)
    rows = text[text.index("<h2>Why"):text.index("<section")].split("<tr>")[2:]
    assert len(rows) == 2 and all("<a href" in row for row in rows)


def test_a_page_shows_got_and_want_side_by_side_with_the_numbers_behind_them():
    text = page(results_of(Wrong()), Evil.info, "1.0.0")
    assert "<caption>got</caption>" in text and "<caption>want</caption>" in text
    assert "First divergence: <b>head_logits</b>" in text and "of the bound" in text


def test_the_shades_grow_darker_in_grey_too():
    def grey(colour):
        r, g, b = (int(colour[k:k + 2], 16) for k in (1, 3, 5))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    greys = [grey(colour) for colour in SHADES]
    assert all(a - b > 10 for a, b in zip(greys, greys[1:]))


CELL = re.compile(r'<td(?: class="dark")? style="background:(#\w+)" title="\[(.*?)\] got (.*?), '
                  r'want (.*?), ')


def heat(port, id):
    """(the page, {title of a table: cells}) of a case's heat map: (shade, index, got, want)."""
    results = Session(port, vectors_io.select(vectors_io.load(), [id])).run(["float64"])
    text = page(results, port.info, "1.0.0")
    tables = text[text.index("<section"):].split("<caption>")[1:]
    return text, {table[:4].strip("<"): CELL.findall(table) for table in tables}


def test_a_heat_map_stands_in_the_layout_of_the_port_and_says_so():
    text, tables = heat(Turned(), "T03")
    assert "<b>grad.head.weight</b> (in_out, as the port has it)" in text
    case, = vectors_io.select(vectors_io.load(), ["T03"])
    block = case["expected"]["grad.head.weight"]
    due = np.reshape(block["data"], block["shape"]).T
    for cells in tables.values():
        shape = [f"{i}, {k}" for i in range(len(due)) for k in range(len(due[0]))]
        assert [index for _, index, *_ in cells] == shape
        assert np.allclose([float(want) for *_, want in cells], due.ravel())
        assert [index for shade, index, *_ in cells if shade != SHADES[0]] == ["2, 1"]


def test_a_heat_map_counts_classes_as_the_port_does():
    class Next(Turned):
        def predict(self, layer, input):
            return super().predict(layer, input) % layer.n_classes + 1
    text, tables = heat(Next(), "T03")
    case, = vectors_io.select(vectors_io.load(), ["T03"])
    want = [str(allowed[0] + 1) for allowed in case["expected"]["predict"]["sets"]]
    assert "<b>predict</b> (classes from 1, as the port has them)" in text
    assert [cell[3] for cell in tables["want"]] == want
    assert {cell[0] for cell in tables["got"]} == {SHADES[-1]}


def test_several_classes_that_are_right_all_stand_there():
    class Worst(Ours):
        def predict(self, layer, input):
            return np.full(len(input), 7)
    _, tables = heat(Worst(), "P07")
    assert [cell[2:] for cell in tables["want"]] == [("7", "0 or 2"), ("7", "1 or 2")]


def test_a_tensor_of_which_few_places_are_stored_has_a_heat_map():
    class Off(Ours):
        def backward(self, *args):
            found = super().backward(*args)
            return found | {"grad.head.weight": found["grad.head.weight"] * 1.001}
    case, = vectors_io.select(vectors_io.load(), ["N23"])
    block = case["expected"]["grad.head.weight"]
    _, tables = heat(Off(), "N23")
    places = [np.ravel_multi_index(tuple(map(int, cell[1].split(", "))), block["shape"])
              for cell in tables["got"]]
    assert places and set(places) <= set(block["at"])


def test_the_places_of_such_a_tensor_are_turned_too():
    class Off(Turned):
        def backward(self, layer, input, target, *args):
            found = Ours.backward(self, layer, input, target - 1, *args)
            found["grad.head.weight"][15] *= 1.001
            return {n: a.T if n.endswith("weight") else a for n, a in found.items()}
    text, tables = heat(Off(), "R04")
    wrong = [cell[1].split(", ")[1] for cell in tables["got"] if cell[0] != SHADES[0]]
    assert set(wrong) == {"15"} and ">28, 15<" not in text and "stored numbers " in text
    case, = vectors_io.select(vectors_io.load(), ["R04"])
    block = case["expected"]["grad.head.weight"]
    stored = {(k, i) for i, k in zip(*np.unravel_index(block["at"], block["shape"]))}
    assert {tuple(map(int, cell[1].split(", "))) for cell in tables["got"]} <= stored


def test_of_a_large_tensor_the_part_with_the_worst_number_is_shown():
    class Off(Ours):
        def log_prob(self, layer, input):
            found = super().log_prob(layer, input)
            found[..., -1] += 1.0
            return found
    text, tables = heat(Off(), "P13")
    assert any(shade != SHADES[0] for shade, *_ in tables["got"])
    assert re.search(r"<b>log_prob</b> \(rows \d+ to \d+ of \d+, columns \d+ to \d+ of \d+\)", text)


def test_where_numbers_must_be_equal_a_wrong_one_has_the_darkest_shade():
    _, tables = heat(Wrong(), "T03")
    assert {cell[0] for cell in tables["got"]} == {SHADES[-1]}


def test_shades_are_printed_and_explained():
    text = page(results_of(Wrong()), Evil.info, "1.0.0")
    assert "print-color-adjust:exact" in text
    legend = text[text.index("<p>Error of"):text.index("<section")]
    assert all(colour in legend for colour in SHADES)


def test_chromium_shows_the_page_and_says_nothing(tmp_path):
    tools("a page in a browser")
    path, picture = tmp_path / "report.html", tmp_path / "report.png"
    path.write_text(page(results_of(Evil()) + results_of(Wrong()), Evil.info, "1.0.0"))
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu",
                           "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
                           "--window-size=1200,1600", f"--screenshot={picture}", path.as_uri()],
                          capture_output=True, text=True, timeout=200)
    assert picture.stat().st_size > 10_000, done.stderr
    assert "CONSOLE" not in done.stderr


def test_a_badge_is_a_picture_that_says_how_many_pass():
    root = ElementTree.fromstring(badge(results_of(Ours())))
    assert "3 of 3 required cases pass" in "".join(root.itertext())


def test_two_reports_say_what_was_fixed_and_what_broke(tmp_path, capsys):
    def write(name, **verdicts):
        cases = [{"id": id, "dtype": "float64", "verdict": v} for id, v in verdicts.items()]
        (tmp_path / name).write_text(json.dumps({"cases": cases}))
        return str(tmp_path / name)
    old = write("old.json", T01="pass", T02="fail", T03="fail", T04="pass")
    new = write("new.json", T01="pass", T02="pass", T03="fail", T04="error", T05="pass")
    assert command.conform(["--diff", old, new]) == 1
    out = capsys.readouterr().out
    assert "fixed: 1\n    T02 float64 (fail -> pass)" in out
    assert "broken: 1\n    T04 float64 (pass -> error)" in out and "new: 1" in out
    assert "unchanged: 2" in out
    assert command.conform(["--diff", old, old]) == 0
    (tmp_path / "none.json").write_text("[]")
    assert command.conform(["--diff", old, str(tmp_path / "none.json")]) == 2


def test_an_expected_failure_may_carry_a_link(tmp_path, capsys):
    listed = tmp_path / "expected.txt"
    listed.write_text("T03 float64 https://example.org/1#2   # known\n")
    assert command.read_expected(str(listed)) == [("T03", "float64", "https://example.org/1#2")]
    session = Session(Evil(), CASES, expected_failures=command.read_expected(str(listed)))
    result = next(r for r in session.run(["float64"]) if r.id == "T03")
    assert result.expected_fail and result.expected_why == "https://example.org/1#2"
