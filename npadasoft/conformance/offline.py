"""The offline way: requests in one file, answers in another, no process in between.

`export` writes `requests.jsonl`, the lines that a port would read, and the cases themselves as
JSON.  A port that cannot be started as a process answers them line by line into `answers.jsonl`;
its first line answers `start`.  `read` takes both, and what it returns is judged as any other
port.
"""
import json
from pathlib import Path

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge import echo
from npadasoft.conformance.judge.plan import in_order, repeated, representable, requests_of
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import NO_ANSWER
from npadasoft.conformance.wire.encoding import (BadMessage, decode_answer, decode_info,
                                                 encode_request)
from npadasoft.conformance.wire.messages import (LINEAR, OPS, PROTOCOL, Answer, PortInfo,
                                                 from_port, to_port)
from npadasoft.conformance.wire.process import Fault
from npadasoft.conformance.wire.protocol import SUITE, decode_echo
from npadasoft.conformance.wire.strict_json import LONGEST_LINE, BadJson, loads, printable


def export(directory, cases, dtypes, layout="out_in", index_base=0):
    """Write the requests of `cases` for a port of that dialect; the number of requests."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    lines = list(requests(cases, dtypes, layout, index_base))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (directory / "requests.jsonl").write_text(text, encoding="utf-8")
    (directory / "cases.json").write_text(
        json.dumps({"suite": SUITE, "license": vectors_io.LICENSE, "flags": vectors_io.load_flags(),
                    "cases": cases}), encoding="utf-8")
    return sum("seq" in line for line in lines)


def requests(cases, dtypes, layout="out_in", index_base=0):
    """The messages to a port that answers everything, in order."""
    info = PortInfo("any", ops=OPS + LINEAR, layout=layout, index_base=index_base,
                    trace=("*", "*.*", "*.*.*", "*.*.*.*"))
    yield {"cmd": "start", "protocol": PROTOCOL, "suite": SUITE, "layout": layout,
           "index_base": index_base}
    seq = -1
    numbers = vectors_io.load_numbers()
    for dtype in dtypes:
        if dtype in numbers:
            seq += 1
            yield {"cmd": "echo", "seq": seq, "dtype": dtype, "data": numbers[dtype]["data"],
                   "want": ["bits", "data"]}
        fitting = [case for case in in_order(cases) if representable(case, dtype)]
        for case in fitting + repeated(fitting):
            for request in requests_of(case, dtype, info)[0]:
                seq += 1
                yield encode_request(to_port(request, info), seq)
    yield {"cmd": "stop"}


class RecordedPort:
    """A port whose answers lie in a file."""

    recorded = True         # nothing can be asked once more

    def __init__(self, info, asked, answers):
        self.info, self.echoes = info, {}
        ends = max(answers, default=-1) < max((m["seq"] for m in asked), default=-1)
        self.ends = f"ends at line {len(answers) + 1} of {len(asked) + 1}" if ends else ""
        self._answers: dict[tuple, list] = {}
        for message in asked:
            answer = answers.get(message["seq"])
            if message["cmd"] == "echo":
                self.echoes[message["dtype"]] = message["data"], answer
            else:
                key = message["id"], message.get("op", "shapes"), message["dtype"]
                self._answers.setdefault(key, []).append(answer)

    def start(self):
        """What the port says of itself."""
        return self.info

    def restart(self):
        """Nothing: there is no process."""

    def stop(self):
        """Nothing to end."""

    def run(self, request):
        """The recorded `Answer`; a request without one is skipped."""
        queue = self._answers.get((request.id, request.op, request.dtype), [])
        message = queue.pop(0) if queue else None
        if message is None:
            return Answer(skipped=(NO_ANSWER, None))
        asked = to_port(request, self.info)
        try:
            return from_port(decode_answer(message, asked), self.info)
        except BadMessage as error:
            raise Fault("error", f"protocol: {error}") from None

    def echo(self, dtype, numbers):
        """What the file holds as the echo."""
        message = self.echoes.get(dtype, (None, None))[1]
        if message is None:
            raise Fault("error", NO_ANSWER)
        try:
            return decode_echo(message)
        except BadMessage as error:
            raise Fault("error", f"protocol: {error}") from None


def read(answers, asked=None):
    """A port out of a file of answers and the file of requests.

    Returns
    -------
    port : RecordedPort
    ids : list of str
        Cases that were asked.
    dtypes : list of str

    Raises
    ------
    ValueError
        If a line cannot be read; the message names it.
    """
    written = Path(asked or Path(answers).parent / "requests.jsonl")
    if not asked and not written.exists():
        raise ValueError(f"{written} is not there, which `npadasoft vectors export DIR` writes: "
                         "--requests FILE says where it is")
    asked, given = _lines(written), _lines(answers)
    if not given:
        raise ValueError(f"{answers} is empty: answer each line of {written} with one line of it, "
                         "as in: ./my-port < requests.jsonl > answers.jsonl")
    start: dict = next((m for m in asked if m.get("cmd") == "start"), {})
    asked = [m for m in asked if "seq" in m]
    first, *rest = given
    if "protocol" not in first:
        raise ValueError(f"{answers}: line 1 is to answer start, and has no \"protocol\": answers "
                         "stand in the order of the requests")
    try:
        info = decode_info(first)
    except BadMessage as error:
        raise ValueError(f"{answers}: line 1 answers start: {error}") from None
    _same_dialect(info, start)
    by_seq: dict[int, dict] = {}
    for message in rest:
        seq = message.get("seq")
        if type(seq) is not int or seq in by_seq:
            raise ValueError(f"{answers}: every line but the first has a seq of its own; "
                             f"found {printable(repr(seq), 40)}"
                             + (" twice" if type(seq) is int else ""))
        by_seq[seq] = message
    dtypes = list(dict.fromkeys(m["dtype"] for m in asked if m["dtype"] in info.dtypes))
    ids = list(dict.fromkeys(m["id"] for m in asked if "id" in m))
    return RecordedPort(info, asked, by_seq), ids, dtypes


def _same_dialect(info, start):
    """Refuse answers in another dialect than that of the requests: nothing would agree."""
    for name, default in (("index_base", 0), ("layout", "out_in")):
        mine, theirs = start.get(name, default), getattr(info, name)
        if mine != theirs:
            option = f"--{name.replace('_', '-')} {theirs}"
            if isinstance(theirs, dict):
                option = "--layout in_out, and announce that for all weights"
            raise ValueError(f"the port announces {name} {theirs}, but the requests were written "
                             f"for {mine}: export them again with {option}")


def _lines(path):
    """The JSON objects of a file of lines; of a bad one the message has path and number."""
    found = []
    with open(path, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), start=1):
            try:
                value = loads(line)
            except BadJson as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
            if not isinstance(value, dict):
                raise ValueError(f"{path}, line {number}: one JSON object a line")
            found.append(value)
    return found


def echo_results(port):
    """The verdict on the self-test of numbers, one a dtype that was asked."""
    return [echo.self_test(port, dtype, numbers) for dtype, (numbers, _) in port.echoes.items()
            if dtype in port.info.dtypes]


def session(port, cases, dtypes, echoes=(), **more):
    """The verdicts on all recorded answers."""
    session = Session(port, cases, give_up=len(cases) + 1, **more)
    session.run(dtypes)
    session.explain(dtypes, echoes)
    return session.results
