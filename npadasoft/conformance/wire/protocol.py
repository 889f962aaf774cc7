"""The protocol, version 1: a port that is a process, spoken to in lines of JSON.

    > {"cmd": "start", "protocol": 1, "suite": "1.1.0"}
    < {"protocol": 1, "implementation": {...}, "dtypes": [...], "ops": [...], "trace": [...], ...}
    > {"cmd": "echo" | "run" | "shapes", "seq": n, ...}
    < {"seq": n, ...}
    > {"cmd": "stop"}
"""
import json
import sys
from typing import Any

import numpy as np

from npadasoft.conformance.wire.encoding import (BadMessage, decode_answer, decode_error,
                                                 decode_info, decode_number, describe,
                                                 encode_request)
from npadasoft.conformance.wire.messages import PROTOCOL, PortInfo, from_port, to_port
from npadasoft.conformance.wire.process import (ENDED, LONG, STDOUT, Fault, Process,
                                                no_answer)
from npadasoft.conformance.wire.strict_json import IN_LINE, BadJson, excerpt, loads, printable

SUITE = "1.1.0"
TIMEOUT = 60.0          # s a request
START = 20.0            # s to start, unless another time is asked for
LONG_LINE = 2**16       # bytes: readers with a buffer of fixed size end here
WAITING = ("Is stdout flushed after every line?  Does the reader wait for a second line, or for "
           "the end of the input?")
SLOW = "  Is it slow to start?  --timeout S gives it, and each request, S seconds."
DOES_NOTHING = (".  Did it read a line?  A file that only defines functions calls none of them: in "
                "Octave, octave-cli -qf -p FOLDER --eval NAME calls one")


class Unusable(Exception):
    """The port cannot be started, or speaks another protocol."""


def decode_echo(message):
    """Bit patterns of an answer to `echo`, which show its reader, and numbers: its writer, too.

    Returns
    -------
    list of lists
        One or both: strings in hex; floats.
    """
    if error := decode_error(message):
        raise BadMessage("answered an error ({}): {}".format(*error))
    bits, data, found = message.get("bits"), message.get("data"), []
    if isinstance(bits, list) and all(isinstance(b, str) and len(b) <= 18 for b in bits):
        found.append([printable(b.lower().removeprefix("0x")) for b in bits])
    if isinstance(data, list):
        found.append([decode_number(v, "echo", i) for i, v in enumerate(data)])
    if not found:
        raise BadMessage('an answer to echo holds "bits", a list of strings in hex, or "data", a '
                         "list of numbers, or both; found the keys "
                         + printable(", ".join(message), 80))
    return found


class ProcessPort:
    """A port behind a command.

    Parameters
    ----------
    argv : list of str
    timeout : float, optional
        Seconds a request, and to start; by default `TIMEOUT` and `START`.
    """

    info: PortInfo

    def __init__(self, argv, timeout=None):
        self.argv, self.timeout = list(argv), timeout or TIMEOUT
        self.start_timeout = timeout or START
        self._process: Any = None
        self._asked: list[str] = []             # id of the case of every request, by seq
        self._answered = 0                      # requests, by the process that runs

    def start(self):
        """Start the process and read what it says of itself.

        Raises
        ------
        Unusable
            With a message for the author of the port.
        """
        self._answered = 0
        try:
            self._process = Process(self.argv)
        except OSError as error:
            raise Unusable(f"{self.argv[0]}: {error.strerror}") from None
        try:
            start = {"cmd": "start", "protocol": PROTOCOL, "suite": SUITE}
            self.info = decode_info(self._ask(start))
        except (Fault, BadMessage) as error:
            said = getattr(error, "stderr", None)
            self.close()
            text = getattr(error, "message", error)
            raise Unusable(f"start: {text}" + (f"\n{said}" if said else "")) from None
        return self.info

    def restart(self):
        """Another process in place of the one that failed."""
        self.close()
        self.start()

    def close(self):
        """End the process at once, with all its children."""
        if self._process is not None:
            self._process.close()

    def stop(self):
        """Ask it to stop; after two seconds it is ended."""
        if self._process is not None:
            self._process.close(json.dumps({"cmd": "stop"}).encode())

    def run(self, request):
        """The `Answer` to a `Request`, in the judge's dialect.

        Raises
        ------
        Fault
            If there is none.
        """
        asked = to_port(request, self.info)
        message = self._numbered(request.id, lambda seq: encode_request(asked, seq))
        try:
            return from_port(decode_answer(message, asked), self.info)
        except BadMessage as error:
            raise self._fault(error) from None

    def echo(self, dtype, numbers):
        """What the port reads, and writes, when it is given `numbers`.

        Returns
        -------
        list of lists
            Bit patterns in hex, or numbers, or both, as the port prefers.
        """
        data = [n if np.isfinite(n) else str(n) for n in map(float, numbers)]
        message = self._numbered("IO", lambda seq: {"cmd": "echo", "seq": seq, "dtype": dtype,
                                                    "data": data, "want": ["bits", "data"]})
        try:
            return decode_echo(message)
        except BadMessage as error:
            raise self._fault(error) from None

    def _numbered(self, id, message_of):
        seq = len(self._asked)
        self._asked.append(id)
        try:
            message = self._ask(message_of(seq))
        except Fault as fault:
            fault.after = self._answered
            raise
        self._answered += 1
        got = message.get("seq")
        if got != seq or isinstance(got, bool):
            late = self._asked[got] if type(got) is int and 0 <= got < seq else None
            second = f" (a second line for {late}?)" if late else ""
            raise Fault("error", f"wrong seq: got {describe(got)}, want {seq}{second}",
                        self._process.stderr(), late)
        return message

    def _ask(self, message):
        if message["cmd"] != "start":           # what comes before it may come after it as well
            self._process.refuse_unasked()
        line = self._exchange(json.dumps(message, allow_nan=False).encode(),
                              message["cmd"] == "start")
        try:
            answer = loads(line)
            if not isinstance(answer, dict):
                raise BadMessage("an answer is one JSON object a line; found " + describe(answer)
                                 + STDOUT * (message["cmd"] == "start"))
            if message["cmd"] == "start" and "protocol" not in answer:
                raise BadMessage('the first line is to answer start, and has no "protocol"'
                                 + STDOUT)
            self._process.refuse_unasked()
            return answer
        except BadJson as error:
            raise self._fault(f"{error}{no_answer(line)}") from None
        except BadMessage as error:
            raise self._fault(f"{error}{IN_LINE}{excerpt(line)}") from None

    def _exchange(self, line, starting):
        """The answer to a line; a `Fault` says what may have kept the port from it."""
        said = []                               # what need not be said again

        def on_wait():
            said.append(WAITING)
            print(f"start: the port was sent one line and has not answered.  {WAITING}",
                  file=sys.stderr, flush=True)
        try:
            return self._process.ask(line, self.start_timeout if starting else self.timeout,
                                     on_wait if starting else None)
        except Fault as fault:
            if starting and fault.verdict == "timeout":
                fault.message += "." + ("" if said else f"  {WAITING}") + SLOW
            elif starting and fault.message.startswith(f"{ENDED} 0 "):
                fault.message += DOES_NOTHING
            elif len(line) > LONG_LINE and fault.verdict in ("crashed", "timeout"):
                fault.message += (f"{LONG} {len(line)} bytes: can the port read lines of that "
                                  "length?")
            raise

    def _fault(self, error):
        return Fault("error", f"protocol: {error}", self._process.stderr())
