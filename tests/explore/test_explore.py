"""The page that moves: its numbers are the golden vectors', and knobs move what they should.

`drive.js` does what a reader does, in Chromium, once for all tests; they judge what it then read
off the page.
"""
import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from witnesses import tools

from npadasoft import AdaptiveLogSoftmaxWithLoss, cli
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.compare import compare
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes.naming import name_run
from npadasoft.conformance.wire.protocol import ProcessPort
from npadasoft.explore import command
from npadasoft.explore.mistakes import LINES
from npadasoft.planning.cost import Cost
from npadasoft.planning.counts import zipf_counts
from npadasoft.planning.optimum import plan, priced

pytestmark = pytest.mark.once

PORT = command.PORT.read_text()
BY_ID = {case["id"]: case for case in vectors_io.select(vectors_io.load(), [command.CASE, "S01"])}
CASE = BY_ID[command.CASE]
U = 2.0**-53


def address(**values):
    return "#" + "&".join(f"{name}={value}" for name, value in values.items())


def listed(values):
    return ",".join(map(str, values))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What drive.js found, and what the console said."""
    tools("a page in a browser")
    folder = tmp_path_factory.mktemp("explore")
    shutil.copy(command.PAGE, folder / "page.html")
    cotangents = CASE["cotangents"]
    golden = address(upstream=cotangents["loss"]["data"][0],
                     rows=listed(cotangents["output"]["data"]))
    drive = Path(__file__).with_name("drive.js").read_text()
    (folder / "drive.html").write_text("<!DOCTYPE html><meta charset='utf-8'><body><script>"
                                       f"const GOLDEN = '{golden}';\n{drive}</script></body>")
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}",
         "--virtual-time-budget=20000", "--dump-dom", (folder / "drive.html").as_uri()],
        capture_output=True, text=True, timeout=300)
    result = re.search(r'id="found">(.*?)</script>', done.stdout, re.S)
    assert result, done.stderr
    return json.loads(result[1]) | {"console": re.findall(".*CONSOLE.*", done.stderr)}


# ------------------------------------------------------------------ one file

def test_the_page_is_what_its_parts_make():
    assert command.PAGE.read_text("utf-8") == command.made()


def test_the_page_is_small_holds_the_port_word_for_word_and_asks_for_nothing_else():
    text = command.PAGE.read_text("utf-8")
    assert len(text.encode()) < 300_000 and f'<script id="port">{PORT}</script>' in text
    assert not re.findall(r'\bsrc=|<link|@import|url\(|\bfetch\(|import\(|href="[^#]', text)


def test_the_command_writes_the_page_and_says_how_to_open_it(tmp_path, capsys):
    file = tmp_path / "a page.html"
    assert cli.main(["explore", str(file)]) == 0
    assert file.read_text("utf-8") == command.PAGE.read_text("utf-8")
    assert capsys.readouterr().out == f"wrote {file}: open it in a browser, {file.as_uri()}\n"
    assert cli.main(["explore", str(tmp_path / "no folder" / "x.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_line_of_the_parts_is_longer_than_a_reader_can_see():
    for path in (command.HERE / "parts").iterdir():
        for line in path.read_text("utf-8").splitlines():
            assert len(line) <= 120, f"{path.name}: {line}"


# ------------------------------------------------------------------ as a whole

def test_nothing_fails_and_the_console_is_silent(found):
    assert "error" not in found, found["error"]
    assert found["console"] == []


def test_the_page_fits_a_telephone_a_window_and_a_projector(found):
    for width in (360, 1000, 1920):
        assert found[f"width {width}"] <= width


def test_the_page_is_still_and_its_address_makes_the_same_page_again(found):
    assert found["still"] == 0 and found["again"] is True


# ------------------------------------------------------------------ the small layer

def tensors(cells):
    """{name: flat list of the numbers} of what stands on the page."""
    return {name: [float(v) for _, v in places] for name, places in cells.items()}


def test_every_number_is_the_golden_vectors(found):
    shown = tensors(found["golden"])
    answered = {name: np.reshape(shown[name], CASE["expected"][name]["shape"])
                for name in command.given()["order"] if name in shown}
    assert len(answered) == len(command.given()["order"])
    assert not any(c.differs for c in compare(CASE, "float64", answered).values())
    for name, tensor in {**CASE["params"], "input": CASE["inputs"]["input"]}.items():
        assert shown[name] == tensor["data"]


def test_what_is_spelt_out_sums_to_the_number_and_of_a_weight_to_its_gradient(found):
    given = {*CASE["params"], "input"}
    indices = {name for name in command.given()["order"]
               if name.startswith(("cluster", "head_column")) or "target" in name}
    shown = {(name, at): v for name, places in found["golden"].items() for at, v in places}
    assert {name for name, *_ in found["sums"]} == {name for name, _ in shown} - indices
    sizes = [abs(float(v)) for v in shown.values()]
    for name, of, at, total, due, v in found["sums"]:
        assert of == (f"grad.{name}" if name in given else name) and due == shown[of, at]
        # at most 8 terms, of at most 8 roundings each
        assert abs(float(total) - float(due)) <= 64 * U * max(sizes)
        assert v == shown[name, at]


def test_a_weights_gradient_is_spelt_out_with_q_p_and_the_picked_one(found):
    text, rows = found["spelt"]["text"], found["golden"]["input"]
    assert re.findall(r"row \d(\S+) · \(1 − ", text) and text.count("· (0 −") == 4
    assert [re.search(rf"row {n}\S+ · \((\d)", text)[1] for n in range(6)] == list("010010")
    assert len(rows) == 24
    assert found["spelt"]["sources"] == ([f"input {n},1" for n in range(6)]
                                         + [f"grad.head_logits {n},3" for n in range(6)])


def test_arrows_walk_the_numbers_and_escape_closes(found):
    assert found["walked"] == "4,1" and found["closed"] == 0


def test_a_row_that_is_moved_changes_its_target_and_an_empty_tail_learns_nothing(found):
    assert found["chip"] == "3,3,8,0,5,6" and found["chips"] == "3,3,0,0,5,0"
    assert "Tail 1 is asked by no row" in found["emptied"]["headings"]
    assert "Tail 0 is asked by rows 0, 1, 4" in found["emptied"]["headings"]
    shown = tensors(found["emptied"]["numbers"])
    for j in (0, 1):
        assert shown[f"grad.tail.1.{j}.weight"] and not any(shown[f"grad.tail.1.{j}.weight"])
        assert any(shown[f"grad.tail.0.{j}.weight"])
    assert "tail.1.hidden" not in shown


def test_what_arrives_is_one_q_a_row(found):
    q = np.array([float(v) for v in found["upstream"]["q"]])
    given = dict(parse_qsl(found["upstream"]["hash"][1:]))
    rows = np.array([float(v) for v in given["rows"].split(",")])
    assert rows[3] == 1.5 and float(given["upstream"]) == -0.5
    assert np.array_equal(q, rows + 0.5 / 6)


def test_a_confident_row_keeps_its_loss_by_log1p_and_loses_it_by_the_textbook(found):
    for lead, numbers in found["confident"].items():
        s = np.exp(-float(lead))
        textbook, ours, slope, our_slope = map(float, numbers)
        assert abs(ours - np.log1p(s)) <= 4 * U * s and abs(our_slope - s / (1 + s)) <= 4 * U * s
        assert (textbook == 0) == (slope == 0) == (float(lead) >= 37)


# ------------------------------------------------------------------ a mistake that is switched on

def test_a_mistake_that_is_switched_off_leaves_nothing(found):
    assert found["none"] == 0


# the judge's case, where it is not the page's: on that one `boundary` asks for a place
# behind the end of a tail, which answers undefined in JavaScript, and otherwise elsewhere
ASKED = {"boundary": BY_ID["S01"]}


@pytest.mark.parametrize("name", LINES)
def test_a_mistake_lights_up_where_the_judge_says_that_it_starts(name, found, tmp_path):
    tools("javascript")
    right, wrong = LINES[name]
    assert PORT.count(right) == 1
    (tmp_path / "port.js").write_text(PORT.replace(right, wrong))
    port = ProcessPort(["node", str(tmp_path / "port.js")])
    port.start()
    result, = Session(port, [ASKED.get(name, CASE)]).run(["float64"])
    port.stop()
    name_run([result])
    shown = found["mistakes"][name]
    assert result.verdict == "fail" and name in result.mistakes
    assert shown["first"] == result.origins[0] and name in shown["said"] and shown["changed"]
    if name not in ASKED:
        assert {*shown["begins"]} == {*result.origins} & {*command.given()["order"]}
    assert shown["flags"] == len(shown["begins"]) and not {*shown["begins"]} & {*shown["spreads"]}


# ------------------------------------------------------------------ the cut

def parts(text):
    """The values of an address, with what the page begins with."""
    given = {"classes": 10000, "exponent": 1, "cutoffs": "1000,4000", "features": 512,
             "div_value": 4, "batch": 512, "hidden": 0} | dict(parse_qsl(text[1:]))
    cutoffs = [int(c) for c in given.pop("cutoffs").split(",")]
    return {name: float(value) for name, value in given.items()} | {"cutoffs": cutoffs}


def test_the_best_cut_and_the_price_of_each_are_those_of_plan(found):
    shown = {text: cut for text, cut in found["cut"].items() if text[0] == "#"}
    shown[""] = found["cut"]["start"]
    shown[found["cut"]["best"]["hash"]] = found["cut"]["best"]
    assert len(shown) == 7
    for text, cut in shown.items():
        given = parts(text)
        counts = zipf_counts(int(given["classes"]), given["exponent"])
        cost = Cost(features=int(given["features"]) if given["hidden"] else None,
                    div_value=given["div_value"])
        mine = priced(counts, given["cutoffs"], cost)
        best = plan(counts, len(given["cutoffs"]), cost)
        assert listed(best.cutoffs) == cut["best"]
        assert cut["cutoffs"] == [str(c) for c in given["cutoffs"]]
        assert abs(float(cut["cost"]) - mine.cost) <= 4 * len(counts) * U * mine.cost


def test_sizes_are_those_of_the_layer(found):
    layer = AdaptiveLogSoftmaxWithLoss(8, 50, [7, 20], div_value=2.0, rng=0)
    shown = found["cut"]["#classes=50&cutoffs=7,20&features=8&div_value=2&batch=100"]["sizes"]
    weights = [layer.parameters.head.weight.size] + [
        t.projection.weight.size + t.output.weight.size for t in layer.parameters.tail]
    assert [line[4] for line in shown] == [str(w) for w in [*weights, sum(weights), 400]]
    assert [line[3] for line in shown[1:3]] == [
        str(t.projection.weight.shape[0]) for t in layer.parameters.tail]
    assert shown[0][1] == "7 + 2" and [line[1] for line in shown[1:3]] == ["13", "30"]
    assert shown[0][5] == f"{100 * weights[0]:,}" and shown[-1][5] == "40.0 k"


CHANGES = {"exponent": {"rows", "multiplications"}, "batch": {"rows", "multiplications"},
           "features": {"hidden", "weights", "multiplications"},
           "div_value": {"hidden", "weights", "multiplications"},
           "classes": {"classes", "rows", "weights", "multiplications"}}


@pytest.mark.parametrize("knob", CHANGES)
def test_a_knob_moves_what_it_should_and_nothing_else(knob, found):
    start, moved = found["cut"]["start"]["sizes"], found["cut"][knob]["sizes"]
    columns = ["", "classes", "rows", "hidden", "weights", "multiplications"]
    assert CHANGES[knob] == {name for name, *pairs in zip(columns, *(
        [*zip(*table)] for table in (start, moved))) if pairs[0] != pairs[1]}


def test_a_cutoff_that_is_dragged_or_pressed_moves_alone(found):
    cut = found["cut"]
    dragged = cut["dragged"]["cutoffs"]
    assert dragged[0] != "1000" and dragged[1] == "4000"
    assert f"cutoffs={listed(dragged)}" in cut["dragged"]["hash"]
    assert cut["dragged"]["sizes"][0][1] == f"{int(dragged[0]):,} + 2"
    assert cut["dragged"]["ratio"] != cut["start"]["ratio"]
    assert cut["pressed"]["cutoffs"] == [dragged[0], "4080"]
    assert cut["home"]["cutoffs"] == [dragged[0], str(int(dragged[0]) + 1)]
