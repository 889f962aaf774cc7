"""What the lines of a summary say: a kind of fault is one line, with the numbers of its example."""
import json
import sys
from pathlib import Path

import pytest

from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.compare import Worst
from npadasoft.conformance.judge.outline import WIDTH, folded
from npadasoft.conformance.judge.report import describe, element
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import Result
from npadasoft.conformance.judge.writing import Form
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.strict_json import BadJson, loads, printable

PORT = """
import json, re, sys
sys.path.insert(0, {folder!r})
import plain_python as port

for line in sys.stdin:
    message = json.loads(line)
    if message["cmd"] == "stop":
        break
    text = json.dumps({{"seq": message.get("seq"), **port.answer(message)}})
    if message["cmd"] == "run":
        text = {change}
    print(text, flush=True)
"""
SOME = [option for id in ("T0*", "G0*", "N0*", "F*", "A06") for option in ("--only", id)]


def judged(tmp_path, capfd, body):
    path = tmp_path / "port.py"
    path.write_text(body)
    status = command.conform([*SOME, "--give-up", "999", "--dtype", "float64", "--",
                              sys.executable, str(path)])
    return (status, *capfd.readouterr())


def changed(change):
    return PORT.format(folder=str(Path(__file__).parents[1] / "ports"), change=change)


FAULTS = {
    "nil": ("text.replace('-1.', 'nil, -1.', 1)", "the bare word nil, write null,"),
    "None": ("re.sub(r'\"data\": .', '\"data\": [None, ', text, count=1)",
             "the bare word None, write null,"),
    "True": ("text.replace('}', ', \"ok\": True}', 1)", "the bare word True, write true,"),
    ".5": (r"re.sub(r'([ \[-])0\.', r'\1.', text)", "a number without a digit before the point,"),
    "5.": (r"re.sub(r'(\d)([,\]])', r'\1.\2', text)", "a number without a digit behind the point,"),
    "+5": (r"re.sub(r'([ \[])(\d)', r'\1+\2', text)", "a number with a + before it,"),
    "[5, ]": (r"re.sub(r'(\d)\]', r'\1, ]', text)", "a comma behind the last value,"),
    "{'a': 5, }": (r"re.sub(r'\}\}', ', }}', text, count=1)", "a comma behind the last value,"),
    "'": ("text.replace('\"', \"'\")", "' for \","),
    "list": ("'[' + text + ']'", "an answer is one JSON object a line; found a list of 1"),
    "null": (r"re.sub(r'\"data\": \[[^]]*\]', '\"data\": null', text, count=1)",
             "data is one flat list of numbers; found null"),
    "a null in any tensor": (r"re.sub(r'(\"data\": \[)-?\d[\d.e-]*', r'\1null', text)",
                             'are strings); found null; as in'),
    "a word in any tensor": (
        r"re.sub(r'(?<=data.: \[)-?\d[\d.e-]*', json.dumps('-Infinity'), text, count=1)",
        'write one of the strings "nan", "inf" and "-inf"; as in'),
    "pretty": ("json.dumps(json.loads(text), indent=1)",
               "the line ends too early, one answer is one line,"),
    "a mark of byte order": ("chr(0xfeff) + text", "a byte order mark, write none,"),
    "nested": (r"re.sub(r'(\"data\": )(\[[^]]*\])', r'\1[\2]', text, count=1)",
               "data is one flat list of numbers, row after row, and nested here; as in"),
    "error": ("json.dumps({'seq': message['seq'], 'error': 'no memory of ' + message['id']})",
              "is an object with \"kind\" and \"message\", but found another value; as in 'no mem"),
    "too few": (r"re.sub(r'\"data\": \[[^]]*\]', '\"data\": [1, 2]', text, count=1)",
                "numbers, but data has 2"),
    "of shape": (r"re.sub(r'\"shape\": \[[^]]*\]', '\"shape\": 4', text)",
                 "a shape is a list of at most 8 integers >= 0; found 4"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_kind_of_fault_is_one_line_whatever_text_stands_around_it(tmp_path, capfd, fault):
    change, words = FAULTS[fault]
    status, out, _ = judged(tmp_path, capfd, changed(change))
    lines = [line for line in out.splitlines() if line[:5].strip().isdigit() and line[5] == " "]
    assert status == 1 and len(lines) == 1 and words in " ".join(out.split()), out
    assert "#" not in out and all(
        len(line) <= WIDTH for line in out.splitlines() if "reproduce: " not in line), out


def test_the_text_around_the_place_is_shown():
    line = json.dumps({"seq": 7, "results": {"loss": {"shape": [], "data": [0.25] * 40}}}).encode()
    words = r"write null, at character 1\d\d\); as in the line \.\.\. .*, nil"
    with pytest.raises(BadJson, match=words):
        loads(line.replace(b"0.25, ", b"nil, ", 20).replace(b"nil, ", b"0.25, ", 12))


@pytest.mark.parametrize("text, what", [
    ("[tru]", "the bare word tru,"), ('{"a" 1}', "Expecting ':' delimiter"),
    ("[1 2]", "Expecting ',' delimiter"), ("", "Expecting value"), ("[- 1]", "Expecting value"),
    ("[1,,2]", "Expecting value"), ("[NULL]", "the bare word NULL, write null,"),
    ("[NA]", 'the bare word NA, write "nan",'), ("[-.5]", "a number without a digit before"),
    ("[1e]", "Expecting ',' delimiter"), ("[.]", "Expecting value"), ("{'a': 1}", "' for \",")])
def test_what_is_wrong_is_said_in_plain_words_where_it_is_known(text, what):
    with pytest.raises(BadJson) as found:
        loads(text.encode())
    assert str(found.value).startswith(f"no JSON ({what}")


@pytest.mark.parametrize("greeting", ["{}", '{"level": "info"}', "[]", "hello", "", "7"])
@pytest.mark.parametrize("wait", ["", "import time; time.sleep(0.3)"])
def test_what_is_printed_before_the_first_answer_is_told_where_to_go(
        tmp_path, capfd, greeting, wait):
    body = f"print({greeting!r}, flush=True)\n{wait}\n" + changed("text")
    status, _, error = judged(tmp_path, capfd, body)
    assert status == 2
    assert "stdout is for answers: write the rest to stderr" in " ".join(error.split())
    assert "protocol null" not in error


def test_a_program_that_ends_in_silence_is_told_what_that_usually_is(tmp_path, capfd):
    status, _, error = judged(tmp_path, capfd, "def main():\n    pass\n")
    assert status == 2
    assert "A file that only defines functions calls none of them" in " ".join(error.split())
    status, _, error = judged(tmp_path, capfd, "raise SystemExit(3)\n")
    assert "ended with exit status 3 instead of an answer" in error and "defines" not in error


def test_lines_are_folded_between_words_and_a_command_is_left_whole():
    long = "  note: " + "word " * 60
    lines = folded(long)
    assert all(len(line) <= WIDTH for line in lines) and "".join(lines).split() == long.split()
    assert all(line.startswith("      word") for line in lines[1:])
    command_line = "  reproduce: " + "x" * 200 + " --only T03"
    assert folded(command_line + "\n\nend") == [command_line, "", "end"]


def test_a_text_is_cut_behind_a_word():
    assert printable("one two three", 9) == "one two ..." and printable("one two", 9) == "one two"
    assert printable("x" * 20, 9) == "x" * 9 + " ..."
    assert printable("one two three", 7) == "one two ..."


@pytest.mark.parametrize("body", [
    "print('hello, this is version 1 of my port, which was written on a rainy day', flush=True)\n",
    "import time\ntime.sleep(30)\n", "raise SystemExit('no licence ' * 30)\n",
    "def main():\n    pass\n"])
def test_why_a_port_cannot_be_started_is_told_in_lines_that_are_not_too_long(
        tmp_path, capfd, body):
    path = tmp_path / "port.py"
    path.write_text(body)
    assert command.conform(["--timeout", "1", "--", sys.executable, str(path)]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("npadasoft conform: start: ")
    assert all(len(line) <= WIDTH for line in lines), lines


def test_one_message_is_one_line_of_the_head_alone_too(capfd):
    """An operation of the head alone is left out of a message as any other is."""
    def result(op):
        case, = vectors_io.select(vectors_io.load(), ["L01"])
        return Result(case, "float64", "error", message=f"{op}: protocol: no JSON")
    found = causes([result("linear"), result("linear_backward")])
    assert [c.text for c in found] == ["protocol: no JSON"]


def test_digits_that_lack_are_one_line_whatever_the_dtype():
    case, = vectors_io.select(vectors_io.load(), ["T03"])
    results = [Result(case, d, "fail", rounding=Form("digits", 8).text(d))
               for d in ("float64", "float32")]
    assert [c.text for c in causes(results)] == [
        "your numbers are written with 8 digits: float64 needs 17 significant digits, "
        "float32 needs 9 significant digits"]


@pytest.mark.parametrize("dtype, bound", [("float16", 1e-4), ("float64", 1e-73)])
def test_a_small_bound_of_a_small_number_is_none_of_0(dtype, bound):
    worst = Worst("grad.input", (0,), 3e-5, 0.0, bound, 3e-5 / bound, 12.0)
    assert f"x its bound of {bound:.3g}, 12 ulp" in element(worst, dtype)[1]


def test_a_bound_that_is_only_the_smallest_number_is_one_of_0():
    worst = Worst("grad.input", (0,), 3e-5, 0.0, 9.88e-323, float("inf"), float("inf"))
    assert element(worst, "float64")[1] == (
        "off by 3e-05, and the bound is 0 here: this number is exact")


def test_a_tensor_that_is_stored_in_part_is_right_in_the_places_that_are_stored():
    class Last(Ours):
        def forward(self, layer, input, target, want):
            found = super().forward(layer, input, target, want)
            return found | {"output": found["output"] - 1}

    case, = vectors_io.select(vectors_io.load(), ["R04"])
    session = Session(Last(), [case])
    text = describe(session.run(("float64",))[0])
    assert "at" in case["expected"]["head_log_prob"]
    assert "all right in the places that are stored)" in text
