"""A port that is a process: what it may say, and that nothing it does can harm the judge."""

import json
import os
import resource
import select
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from npadasoft import conformance
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.report import describe
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import exit_status
from npadasoft.conformance.wire import protocol
from npadasoft.conformance.wire.encoding import (BadMessage, decode_answer, decode_info,
                                                 decode_tensor, encode_request, encode_tensor)
from npadasoft.conformance.wire.messages import (PortInfo, Request, from_port, matches, to_port,
                                                 Answer)
from npadasoft.conformance.wire.process import UNBUFFERED, Fault, Process, environment
from npadasoft.conformance.wire.protocol import ProcessPort, Unusable
from npadasoft.conformance.wire.strict_json import (DEEPEST, LONGEST_LINE, MOST_CONTAINERS,
                                                    MOST_VALUES, BadJson, loads)

TESTS = Path(__file__).parents[1]
PLAIN = [sys.executable, str(TESTS / "ports" / "plain_python.py")]
REQUEST = Request(
    "T03",
    "backward",
    "float64",
    {},
    {"tail.0.1.weight": np.zeros((2, 3))},
    want=("grad.tail.0.1.weight", "loss"),
)


# ------------------------------------------------------------------ JSON


@pytest.mark.parametrize(
    "line, words",
    [
        (b'{"data": [NaN]}', 'write the string "nan"'),
        (b'{"data": [Infinity]}', 'write the string "inf"'),
        (b'{"data": [-Infinity]}', 'write the string "-inf"'),
        (b'{"a": 1, "b": {"c": 2, "c": 3}}', 'the key "c" comes twice'),
        (b'{"a": "\xff"}', "invalid UTF-8 at byte 7"),
        (b"Loading model", "no JSON"),
        (b"", "empty line"),
        (b'{"a": 1', "no JSON"),
        (b"[" * 3000 + b"]" * 3000, "nested too deeply"),
        (b"[" * 70000, "nested too deeply"),
        (b"1" * 5000, "no number that can be read"),
        (b"[" + b"," * (MOST_VALUES + 1), "values in one line"),
    ],
)
def test_what_is_no_strict_json_is_refused_with_what_to_write(line, words):
    with pytest.raises(BadJson, match=words.replace("(", r"\(")):
        loads(line)


def nested(depth, value=b"0"):
    """A list in an object in a list ..., so deep."""
    opened = [(b"[", b"]") if n % 2 else (b'{"a": ', b"}") for n in range(depth)]
    return (b"".join(begin for begin, _ in opened) + value
            + b"".join(end for _, end in reversed(opened)))


def test_how_deep_it_may_be_nested_is_the_same_on_every_python():
    assert loads(nested(DEEPEST))
    for depth in (DEEPEST + 1, 500, 5000, MOST_CONTAINERS - 1):
        with pytest.raises(BadJson, match=f"nested too deeply, more than {DEEPEST} lists"):
            loads(nested(depth))


@pytest.mark.parametrize("text", ["[" * 9, '{"' * 9, "\\" * 5 + "[", '"[', '\\"[', "\n[{\t"])
def test_brackets_in_a_text_and_side_by_side_are_not_nested(text):
    value = {"seq": 1, "results": [text * 20] + [[], {}, [0]] * DEEPEST}
    assert loads(json.dumps(value).encode()) == value
    with pytest.raises(BadJson, match="nested too deeply"):
        loads(json.dumps(text * 20).encode().join([b"[" * 65, b"]" * 65]))


def test_a_text_without_an_end_is_read_once():
    line = b"[" * (DEEPEST + 1) + b'"' + b'\\"[' * 60_000        # read from each quote: 2e9 steps
    begin = time.process_time()
    with pytest.raises(BadJson, match="nested too deeply"):
        loads(line)
    assert time.process_time() - begin < 2


def test_a_line_over_the_bound_is_refused_before_it_is_parsed():
    with pytest.raises(BadJson, match="64 MiB"):
        loads(b" " * (LONGEST_LINE + 1))


def test_what_a_port_says_cannot_reach_the_terminal():
    with pytest.raises(BadJson) as caught:
        loads(b"\x1b[2J")
    assert "\x1b" not in str(caught.value)


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    "value, words",
    [
        ([1.0, 2.0], "a tensor is written"),
        ({"shape": [2], "data": [1.0]}, "shape [2] holds 2 numbers, but data has 1"),
        ({"shape": [10**9, 10**9], "data": []}, "holds 1000000000000000000 numbers"),
        ({"shape": [-1], "data": []}, "integers >= 0"),
        ({"shape": [1] * 9, "data": [1.0]}, "at most 8"),
        ({"shape": [True], "data": [1.0]}, "integers >= 0"),
        ({"shape": [1], "data": [None]}, "found null"),
        ({"shape": [1], "data": [True]}, "a number must stand here"),
        ({"shape": [1], "data": [[1.0]]}, "one flat list of numbers, row after row, and nested"),
        ({"shape": [2, 2], "data": [[1.0, 2.0], [3.0, 4.0]]}, "nested here; as in output"),
        ({"shape": [2, -1], "data": []}, "found a list of 2; as in output: [2, -1]"),
        ({"shape": [3.5], "data": []}, "output: [3.5]"),
        ({"shape": [[1], "2"], "data": []}, "output: [a list of 1, '2']"),
        ({"shape": [1], "data": ["NaN(0x1)"]}, "a number must stand here"),
        ({"shape": [1], "data": 3.0}, "one flat list"),
        ({}, "an empty object"),
        ({"data": []}, "an object with the keys data"),
    ],
)
def test_a_malformed_tensor_is_refused_with_what_to_write(value, words):
    with pytest.raises(BadMessage) as caught:
        decode_tensor(value, "output")
    assert words in str(caught.value)


def test_a_tensor_survives_the_way_out_and_in():
    array = np.array([[0.1, np.nan, np.inf], [-np.inf, -0.0, 5e-324]])
    text = json.dumps(encode_tensor("input", array), allow_nan=False)
    assert decode_tensor(json.loads(text), "input").tobytes() == array.tobytes()


def test_integers_are_written_without_a_point_and_read_with_one():
    assert json.dumps(encode_tensor("target", np.array([3, 5]))) == '{"shape": [2], "data": [3, 5]}'
    assert decode_tensor({"shape": [1], "data": [3.0]}, "predict").tolist() == [3.0]
    assert decode_tensor({"shape": [1], "data": [10**400]}, "loss").tolist() == [np.inf]


def test_null_is_zeros_of_full_shape_for_the_gradient_of_a_tail_and_nothing_else():
    answer = decode_answer({"results": {"grad.tail.0.1.weight": None}}, REQUEST)
    assert answer.results["grad.tail.0.1.weight"].shape == (2, 3) and len(answer.notes) == 1
    with pytest.raises(BadMessage, match="found null"):
        decode_answer({"results": {"loss": None}}, REQUEST)


@pytest.mark.parametrize(
    "message, words",
    [
        ({"seq": 0}, 'holds "results", "error" or "skipped"'),
        ({"results": []}, '"results" is an object with the names as its keys; found a list of 0'),
        ({"results": "{}"}, "as its keys; found '{}'"),
        ({"error": "no memory"}, "but found another value; as in 'no memory'"),
    ],
)
def test_an_answer_without_an_answer_is_refused(message, words):
    with pytest.raises(BadMessage, match=words):
        decode_answer(message, REQUEST)


def test_more_than_was_wanted_is_ignored():
    tensor = {"shape": [], "data": [1.0]}
    answer = decode_answer({"results": {"loss": tensor, "surprise": tensor}}, REQUEST)
    assert list(answer.results) == ["loss"]


@pytest.mark.parametrize(
    "message, words",
    [
        ({"protocol": 2}, "speaks protocol 2"),
        ({}, "speaks protocol null"),
        ({"protocol": 1, "dtypes": "float64"}, '"dtypes" is a list'),
        ({"protocol": 1, "dtypes": ["decimal"]}, "names none of"),
        ({"protocol": 1, "dtypes": ["float64"], "ops": ["shapes"], "layout": "row"}, "layout is"),
        (
            {"protocol": 1, "dtypes": ["float64"], "ops": ["shapes"], "layout": {"*": "row"}},
            "layout is",
        ),
        (
            {"protocol": 1, "dtypes": ["float64"], "ops": ["shapes"], "index_base": 2},
            "index_base is 0 or 1",
        ),
    ],
)
def test_what_a_port_says_of_itself_is_checked(message, words):
    with pytest.raises(BadMessage) as caught:
        decode_info(message)
    assert words in str(caught.value)


def test_unknown_fields_dtypes_and_operations_are_ignored():
    info = decode_info(
        {"protocol": 1, "dtypes": ["float8", "float64"], "ops": ["shapes", "entropy"], "x": 1}
    )
    assert info.dtypes == ("float64",) and info.ops == ("shapes",) and info.trace == ()


def test_a_star_stands_for_one_part_between_dots():
    assert matches("tail.*.hidden", "tail.10.hidden") and not matches("tail.*", "tail.0.hidden")
    assert not matches("*", "tail.0") and matches("*", "output")


def test_index_base_shifts_classes_and_nothing_else():
    info = PortInfo("r", index_base=1)
    request = Request(
        "A",
        "forward",
        "float64",
        {"cutoffs": [2], "ignore_index": 3},
        {},
        {"target": np.array([-1, 0, 4]), "input": np.zeros((3, 1))},
    )
    sent = to_port(request, info)
    assert sent.inputs["target"].tolist() == [0, 1, 5] and sent.config == {
        "cutoffs": [2],
        "ignore_index": 4,
    }
    names = ("predict", "tail.0.relative_target", "head_column", "cluster", "output")
    back = from_port(Answer(results={name: np.array([5.0]) for name in names}), info).results
    assert {name: float(a[0]) for name, a in back.items()} == {
        "predict": 4,
        "tail.0.relative_target": 4,
        "head_column": 4,
        "cluster": 5,
        "output": 5,
    }


@pytest.mark.parametrize(
    "layout, turned",
    [
        ("in_out", {"head.weight", "tail.0.0.weight"}),
        ({"tail.*.0.weight": "in_out"}, {"tail.0.0.weight"}),
        ({"head.weight": "out_in", "*.weight": "in_out"}, set()),
    ],
)
def test_a_layout_turns_weights_their_gradients_and_shapes(layout, turned):
    info, names = PortInfo("port", layout=layout), ("head.weight", "tail.0.0.weight")
    request = Request("A", "forward", "float64", {}, {name: np.zeros((2, 3)) for name in names})
    sent = to_port(request, info)
    assert {name for name in names if sent.params[name].shape == (3, 2)} == turned
    back = from_port(
        Answer(
            results={f"grad.{name}": a for name, a in sent.params.items()},
            shapes={name: a.shape for name, a in sent.params.items()},
        ),
        info,
    )
    assert {a.shape for a in back.results.values()} == {(2, 3)} == set(back.shapes.values())


def test_a_bias_is_never_turned_and_a_hidden_tensor_neither():
    answer = from_port(
        Answer(
            results={"grad.head.bias": np.zeros(3), "tail.0.hidden": np.zeros((2, 3))},
            shapes={"head.bias": (3,)},
        ),
        PortInfo("port", layout="in_out"),
    )
    assert answer.results["tail.0.hidden"].shape == (2, 3) and answer.shapes == {"head.bias": (3,)}


def test_messages_fit_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(
        (Path(conformance.__file__).parent / "schemas" / "message.schema.json").read_text()
    )
    from npadasoft.conformance.offline import requests

    cases = vectors_io.select(vectors_io.load(), ["S*", "T03", "E*"])
    validator = jsonschema.Draft202012Validator(schema)
    for message in requests(cases, ["float64"]):
        validator.validate(message)
    assert len(json.dumps(encode_request(REQUEST, 1))) < 4 * 2**20


def test_every_request_stays_under_four_mebibytes():
    from npadasoft.conformance.offline import requests

    assert max(len(json.dumps(m)) for m in requests(vectors_io.load(), ["float64"])) < 4 * 2**20


# ------------------------------------------------------------------ the process


def run(argv, only=("S01", "T03", "T02"), timeout=20.0, **more):
    """Results of a port on a few cases, by id."""
    port = ProcessPort(argv, timeout)
    port.start()
    try:
        results = Session(port, vectors_io.select(vectors_io.load(), only), **more).run(["float64"])
    finally:
        port.stop()
    return {result.id: result for result in results}


def test_a_plain_python_port_passes():
    results = run(PLAIN, ["S0*", "T0*", "E0*"])
    assert {r.verdict for r in results.values()} == {"pass"} and exit_status(results.values()) == 0


HOSTILE = [
    ("endless_output", "crashed", "more than 64 MiB"),
    ("endless_lines", "error", "more than one line"),
    ("gigabyte_line", "crashed", "more than 64 MiB"),
    ("deep_nesting", "error", "nested too deeply"),
    ("many_lists", "error", "lists and objects in one line"),
    ("no_answer", "timeout", "no answer within 2 s"),
    ("exit_in_mid_line", "crashed", "in the middle of a line, ended with exit status 3"),
    ("killed", "crashed", "killed by SIGSEGV"),
    ("invalid_utf8", "error", "invalid UTF-8 at byte 20"),
    ("bare_nan", "error", 'write the string "nan"'),
    ("null_number", "error", "found null"),
    ("wrong_seq", "error", "wrong seq: got 12345, want"),
    ("duplicate_keys", "error", 'the key "results" comes twice'),
    ("huge_shapes", "error", "holds 1000000000000000000 numbers, but data has 0"),
    ("huge_number", "error", "no number that can be read"),
    ("child_keeps_pipe", "crashed", "ended with exit status 1"),
    ("stray_child", "crashed", "ended with exit status 1"),
    ("two_lines", "error", "more than one line"),
    ("late_line", "error", "two lines for one request"),
    ("chatter", "error", "write the rest to stderr"),
    ("terminal_codes", "error", "answered an error"),
    ("deaf", "crashed", "closed its stdout"),
]


@pytest.fixture
def pids(tmp_path, monkeypatch):
    """The numbers that hostile ports leave of themselves and of their children."""
    monkeypatch.setenv("HOSTILE_PIDS", str(tmp_path / "pids"))
    (tmp_path / "pids").touch()
    return lambda: [int(line) for line in (tmp_path / "pids").read_text().split()]


def alive(pid):
    """Whether a process runs; one that nobody has buried does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def hostile(name):
    return [sys.executable, str(TESTS / "hostile_ports" / f"{name}.py")]


@pytest.mark.parametrize("name, verdict, words", HOSTILE)
def test_a_hostile_port_does_no_harm(name, verdict, words, pids):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    results = run(hostile(name), timeout=2.0 if name == "no_answer" else 20.0)
    assert results["T03"].verdict == verdict and words in results["T03"].message
    assert results["S01"].verdict == results["T02"].verdict == "pass"  # the run goes on
    assert len(describe(results["T03"]).splitlines()) <= 8
    assert not any(c in describe(results["T03"]) for c in "\x1b\x07")
    assert len(results["T03"].message) < 600
    assert time.monotonic() - start < 15
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB
    assert grown < 300 * 1024
    deadline = time.monotonic() + 2
    while any(map(alive, pids())) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pids() and not any(map(alive, pids()))


def test_a_flood_on_stderr_is_no_fault(pids):
    assert run(hostile("stderr_flood"))["T03"].verdict == "pass"


def test_the_last_lines_of_stderr_come_with_a_crash(pids):
    assert run(hostile("exit_in_mid_line"))["T03"].stderr == "thread 'main' panicked"


def test_a_second_line_that_comes_late_is_blamed_on_the_case_it_belongs_to(pids):
    results = run(hostile("late_line"), ["S01", "T03", "T02"])
    assert results["T03"].verdict == "error" and results["T02"].verdict == "pass"


PORT = """
import json, sys
START = {"protocol": 1, "implementation": {"name": "p"}, "dtypes": ["float64"], "ops": ["forward"]}
for line in sys.stdin:
    message = json.loads(line)
    if message["cmd"] == "stop": break
    if message["cmd"] == "start": answer = START
    else:
        %s
    print(json.dumps(answer), flush=True)
"""


def scripted(body):
    return [sys.executable, "-c", PORT % body]


def test_after_so_many_faults_in_a_row_the_rest_is_not_asked():
    results = run(scripted("sys.exit(7)"), ["T0*"], give_up=3)
    asked = [r for r in results.values() if not (r.skipped or "").startswith("not asked")]
    assert len(asked) == 3 < len(results) and {r.verdict for r in asked} == {"crashed"}
    assert {r.verdict for r in results.values() if r not in asked} == {"skipped"}


def test_a_port_that_does_not_start_again_ends_the_run(tmp_path):
    mark = tmp_path / "started"
    body = f"open({str(mark)!r}, 'w'); sys.exit(1)"
    argv = [
        sys.executable,
        "-c",
        f"import os, sys\nif os.path.exists({str(mark)!r}): sys.exit(9)\n" + PORT % body,
    ]
    results = run(argv, ["T01", "T02", "T03"])
    messages = [r.message or r.skipped for r in results.values()]
    assert "exit status 1" in messages[0] and "could not be started again" in messages[1]


def test_a_skip_carries_its_reason_and_address():
    body = (
        "answer = {'seq': message['seq'], 'skipped': True, 'reason': 'later', "
        "'issue_url': 'https://x/1'}"
    )
    result = run(scripted(body), ["T03"])["T03"]
    assert (result.verdict, result.skipped) == (
        "skipped",
        "later (https://x/1); not announced: log_prob, " "predict, backward",
    )


@pytest.mark.parametrize(
    "argv, words",
    [
        (["/no/such/port"], "No such file"),
        ([sys.executable, "-c", "import sys; sys.exit('no licence')"], "no licence"),
        ([sys.executable, "-c", "print('hello')"], "no JSON"),
        ([sys.executable, "-c", "print('{\"protocol\": 3}')"], "speaks protocol 3"),
        ([sys.executable, "-c", "print('[]')"], "one JSON object a line"),
        ([sys.executable, "-c", "import time; time.sleep(100)"], "no answer within"),
    ],
)
def test_a_port_that_cannot_be_started_is_unusable(argv, words):
    port = ProcessPort(argv, timeout=1.0 if "sleep" in argv[-1] else 20.0)
    with pytest.raises(Unusable, match=words):
        port.start()


NEVER_FLUSHES = PORT.replace(", flush=True", "") % "answer = {}"


@pytest.mark.parametrize("words, starts", [([], False), (["env", "PYTHONUNBUFFERED=1"], True)])
def test_what_flushes_stdout_here_is_not_handed_to_the_port_but_by_its_command(
        words, starts, monkeypatch):
    for name in UNBUFFERED:
        monkeypatch.setenv(name, "1")
    port = ProcessPort([*words, sys.executable, "-c", NEVER_FLUSHES], timeout=2.0)
    if starts:
        assert port.start().name == "p"
        port.stop()
        return
    with pytest.raises(Unusable, match="Is stdout flushed after every line?"):
        port.start()


def test_of_what_is_loaded_before_a_port_the_unbuffering_alone_is_left_out(monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libstdbuf.so:/opt/libother.so")
    assert environment()["LD_PRELOAD"] == "/opt/libother.so"
    monkeypatch.setenv("LD_PRELOAD", "/usr/libexec/coreutils/libstdbuf.so")
    assert "LD_PRELOAD" not in environment()


class Patient(Process):
    """A process that is not asked before it has said something."""

    def __init__(self, argv):
        super().__init__(argv)
        select.select([self._popen.stdout], [], [], 20)


BANNER = "import sys; {first}; print('Hello, version 1', flush=True); sys.stdin.readline()"


@pytest.mark.parametrize("process, first", [
    (Patient, "pass"), (Process, "sys.stdin.readline()")], ids=["before", "after"])
def test_what_a_port_prints_before_or_after_it_is_asked_gets_the_same_sentence(process, first,
                                                                               monkeypatch):
    monkeypatch.setattr(protocol, "Process", process)
    port = ProcessPort([sys.executable, "-c", BANNER.format(first=first)], timeout=20.0)
    with pytest.raises(Unusable) as refusal:
        port.start()
    assert str(refusal.value) == (
        "start: protocol: no JSON (the bare word Hello, at character 0); as in the line Hello, "
        "version 1 "
        "(stdout is for answers: write the rest to stderr)")


@pytest.mark.parametrize("patience, told", [(0.1, 0), (9.0, 1)])
def test_a_slow_start_is_told_of_the_option_and_the_question_is_put_once(
        monkeypatch, capsys, patience, told):
    monkeypatch.setattr("npadasoft.conformance.wire.process.PATIENCE", patience)
    with pytest.raises(Unusable) as refusal:
        ProcessPort([sys.executable, "-c", "import time; time.sleep(9)"], timeout=0.5).start()
    assert "Is it slow to start?  --timeout S" in str(refusal.value)
    assert str(refusal.value).count("Is stdout flushed") == told
    assert capsys.readouterr().err.count("Is stdout flushed") == 1 - told


def test_a_skip_without_a_reason_says_so():
    for reason in ("", None):
        assert decode_answer({"skipped": True, "reason": reason}, REQUEST).skipped == (
            "no reason given", None)


def test_an_answer_behind_a_byte_order_mark_is_no_greeting():
    body = "import sys; sys.stdin.readline(); print(chr(0xfeff) + '{}', flush=True)"
    with pytest.raises(Unusable) as refusal:
        ProcessPort([sys.executable, "-X", "utf8", "-c", body], timeout=20.0).start()
    assert "a byte order mark" in str(refusal.value) and "stdout is" not in str(refusal.value)


def test_a_remark_behind_an_answer_is_told_where_it_belongs():
    body = "print(json.dumps({'seq': message['seq']}) + chr(10) + 'debug', flush=True); continue"
    found = run(scripted(body), ["T03"])
    assert "stdout is for answers: write the rest to stderr" in found["T03"].message


@pytest.mark.parametrize(
    "body, words",
    [
        ("answer = {'seq': message['seq'], 'bits': 3}", '"bits", a list of strings'),
        ("answer = {'seq': message['seq'], 'data': [None]}", "a number must stand"),
        ("answer = {'seq': True, 'data': []}", "wrong seq"),
        ("answer = {'seq': message['seq'], 'error': {'kind': 'other', 'message': 'no bits'}}",
         r"answered an error \(other\): no bits"),
    ],
)
def test_a_malformed_echo_is_a_fault(body, words):
    port = ProcessPort(scripted(body))
    port.start()
    with pytest.raises(Fault, match=words):
        port.echo("float64", [1.0])
    port.stop()


def test_a_process_that_does_not_stop_is_ended_with_its_group(monkeypatch):
    monkeypatch.setattr("npadasoft.conformance.wire.process.GRACE", 0.2)
    port = ProcessPort(
        [
            sys.executable,
            "-c",
            PORT.replace("break", "import time; time.sleep(1000)") % "answer = {}",
        ]
    )
    port.start()
    pid, start = port._process.pid, time.monotonic()
    port.stop()
    assert time.monotonic() - start < 2 and not alive(pid)
    port.stop()  # a second time does nothing


def test_a_large_request_and_a_large_answer_do_not_block_each_other():
    echo = "import sys\nfor line in sys.stdin:\n    sys.stdout.write(line); sys.stdout.flush()"
    process = Process([sys.executable, "-c", echo])
    line = b"x" * (4 * 2**20)
    assert process.ask(line, 20) == line
    process.close(b"")


def test_stopping_a_port_that_has_ended_is_quiet():
    process = Process([sys.executable, "-c", "pass"])
    with pytest.raises(Fault, match="exit status 0"):
        process.ask(b"hello", 20)
    process.close(b"stop")
    assert not alive(process.pid)


def test_without_waitid_the_end_of_a_process_is_still_seen(monkeypatch):
    monkeypatch.delattr(os, "waitid", raising=False)
    process = Process([sys.executable, "-c", "import sys; sys.exit(4)"])
    with pytest.raises(Fault, match="exit status 4"):
        process.ask(b"hello", 20)
    process.close()
