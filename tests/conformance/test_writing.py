"""A port that is right but for how it writes its numbers is told that, and nothing else."""
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.outline import remarkable
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import name_run
from npadasoft.conformance.mistakes.planted import TRACE
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import PortInfo

# among them infinite numbers, and errors that are wrong taken together alone
SOME = ["F*", "R0*", "T0*", "G0*", "N0*", "S1*", "X0*", "I13"]
CASES = vectors_io.select(vectors_io.load(), SOME)
METHODS = ("forward", "backward", "log_prob", "log_prob_backward", "topk", "embed",
           "embed_backward")


class Writes(Ours):
    """Answers what is left of its numbers when they are written as text."""

    def __init__(self, text_of, dtypes, trace=()):
        self.text_of = text_of
        self.info = PortInfo("writes", dtypes=dtypes, trace=trace, ops=(
            *METHODS, "shapes", "predict"))

    def written(self, found):
        if isinstance(found, dict):
            return {name: self.written(a) for name, a in found.items()}
        numbers = [float(self.text_of(v)) for v in np.ravel(found).tolist()]
        return np.array(numbers).reshape(np.shape(found))


for method in METHODS:
    def changed(self, *args, method=method):
        return self.written(getattr(Ours, method)(self, *args))
    setattr(Writes, method, changed)


def lines_of(port):
    session = Session(port, CASES)
    results = session.run(port.info.dtypes)
    session.explain(port.info.dtypes)
    name_run(results)
    assert not any(r.mistakes for r in results)
    return [c.text for c in causes(remarkable(results)) if "not announced" not in c.text]


def short(value):
    """As num2str of Octave and MATLAB has it: five digits, and four decimals of large numbers."""
    n = math.floor(math.log10(abs(value))) + 5 if math.isfinite(value) and value else 5
    return f"{value:.{min(max(n, 5), 16)}g}"


def cut(value):
    return str(math.trunc(value * 1e6) / 1e6 if math.isfinite(value) else value)


WRITERS = [("%.16g", "written with 16 digits"), ("%.15g", "written with 15 digits"),
           ("%.8g", "written with 8 digits"), ("%f", "written with 6 decimals"),
           ("%.6e", "written with 7 digits"), (short, "written with 5 digits"),
           (cut, "cut to 6 decimals")]


@pytest.mark.parametrize("trace", [(), TRACE], ids=["", "trace"])
@pytest.mark.parametrize("text, words", WRITERS)
def test_all_that_a_writer_spoils_is_one_line_in_every_case(text, words, trace):
    text_of = text if callable(text) else lambda value: text % value
    lines = lines_of(Writes(text_of, ("float64",), trace))
    assert lines == [f"your numbers are {words}: float64 needs 17 significant digits"]


@pytest.mark.parametrize("text, words", [("%.8g", "8 digits"), ("%f", "6 decimals")])
def test_in_two_dtypes_it_is_one_line(text, words):
    lines = lines_of(Writes(lambda value: text % value, ("float64", "float32"), TRACE))
    needs = ", ".join(f"{dtype} needs {n} significant digits"
                      for dtype, n in (("float64", 17), ("float32", 9)))
    assert lines == [f"your numbers are written with {words}: {needs}"]


def test_a_writer_of_17_digits_is_told_nothing():
    assert not lines_of(Writes(lambda value: "%.17g" % value, ("float64", "float32")))


def test_a_wrong_number_is_no_rounding_however_many_digits_it_has():
    class Wrong(Writes):
        def written(self, found):
            return super().written({n: a + 0.125 if n == "loss" else a for n, a in found.items()}
                                   if isinstance(found, dict) else found)
    session = Session(Wrong(repr, ("float64",)), CASES)
    results = session.run(("float64",))
    session.explain(("float64",))
    assert any(r.verdict == "fail" for r in results) and not any(r.rounding for r in results)


# ------------------------------------------------------------------ with the self-test of numbers

PORT = """
import math, struct, sys
sys.path.insert(0, {folder!r})
import plain_python as port

def single(v):
    return struct.unpack("f", struct.pack("f", v))[0] if abs(v) < 3.4e38 else v * math.inf

def as_r_does(numbers):
    "format(x, digits = 7): one format for all, in which none lacks any of its seven digits."
    some = [v for v in numbers if isinstance(v, float) and v]
    parts = [("%.6e" % v).lstrip("-").replace(".", "").split("e") for v in some]
    digits = [len(whole.rstrip("0")) - 1 for whole, exponent in parts]
    n = max((d - int(exponent) for d, (_, exponent) in zip(digits, parts)), default=0)
    fixed, powers = "%%.%df" % max(n, 0), "%%.%de" % max(digits, default=0)
    width = [max((len(form % v) for v in some), default=0) for form in (fixed, powers)]
    form = fixed if width[0] <= width[1] else powers
    return [float(form % v) if isinstance(v, float) else v for v in numbers]

tensor, echo, write, read = port.tensor, port.echo, port.write_number, port.read_number

def written(data):
    {write}
    return [v if isinstance(v, str) else write(v) for v in data]

def whole(value, shape):
    found = tensor(value, shape)
    return found and dict(found, data=written(found["data"]))

def back(message):
    found = echo(message)
    shown = dict(bits=found["bits"], data=written(found["data"]), honest=found["data"])
    return {{name.replace("honest", "data"): shown[name] for name in {shows!r}}}

port.tensor, port.echo = whole, back
port.read_number = lambda v: {read}
port.main()
"""
ROUND = "data = [{} if isinstance(v, float) else v for v in data]".format
FEW = [option for id in ("T0*", "G0*", "N0*", "F*", "IO") for option in ("--only", id)]


def told(tmp_path, capfd, write="pass", shows=("bits", "data"), read="read(v)"):
    """Lines of causes of the judge on the plain Python port with another writer or reader."""
    path = tmp_path / "port.py"
    path.write_text(PORT.format(folder=str(Path(__file__).parents[1] / "ports"), write=write,
                                shows=shows, read=read))
    command.conform([*FEW, "--dtype", "float64", "--", sys.executable, str(path)])
    out = capfd.readouterr().out
    return [line.split(None, 1)[1] for line in out.splitlines()
            if line[:5].strip().isdigit() and line[5:7] == "  "]


@pytest.mark.parametrize("shows", [("bits", "data"), ("data",), ("bits",)], ids="+".join)
@pytest.mark.parametrize("write, words", [
    (ROUND("float('%.15g' % v)"), "written with 15 digits"),
    (ROUND("float('%f' % v)"), "written with 6 decimals"),
    ("data = as_r_does(data)", "written with 7 digits")], ids=["15g", "f", "R"])
def test_the_self_test_of_a_writer_and_its_results_are_one_line(
        tmp_path, capfd, write, words, shows):
    assert told(tmp_path, capfd, write, shows) == [
        f"your numbers are {words}: float64 needs 17 significant digits"]


@pytest.mark.parametrize("shows", [("bits", "data"), ("data",), ("bits",), ("bits", "honest")],
                         ids="+".join)
def test_float32_numbers_are_the_writer_s_where_the_self_test_shows_them_and_else_the_layer_s(
        tmp_path, capfd, shows):
    lines = told(tmp_path, capfd, ROUND("single(v)"), shows)
    assert lines == (
        ["your numbers are written as float32: float64 needs 17 significant digits"]
        if "data" in shows else
        ["`results-of-single-precision`, results are rounded to float32"])


def test_numbers_that_are_read_as_float32_are_not_said_to_be_written_so(tmp_path, capfd):
    lines = told(tmp_path, capfd, shows=("data",), read="single(read(v))")
    assert lines[0].startswith("0.1 came back as 0.10000000149011612") and len(lines) == 1


@pytest.mark.parametrize("id", ["P12", "T01", "G01", "N09"])
def test_numbers_of_full_length_that_are_off_by_little_are_not_written_short(id):
    class Off(Ours):
        info = PortInfo("off", dtypes=("float64",))

        def log_prob(self, *args):
            return super().log_prob(*args) * (1 + 1e-11)

        def forward(self, *args):
            return {n: a * (1 + 1e-11) if n in ("output", "loss") else a
                    for n, a in super().forward(*args).items()}

    session = Session(Off(), vectors_io.select(vectors_io.load(), [id]))
    results = session.run(("float64",))
    session.explain(("float64",))
    assert results[0].verdict == "fail" and not results[0].rounding
