"""A process to which one line is written and from which one line is read, within bounds.

Nothing that it does can harm the reader: a line has a limit, an answer has a time, stderr is kept
only as a short tail, and when it ends its whole process group is killed, strays included.  Needs
POSIX: pipes that `select` can wait for.
"""
import os
import selectors
import signal
import subprocess
import time
import uuid
from collections import deque
from typing import Any

from npadasoft.conformance.wire.strict_json import IN_LINE, LONGEST_LINE, printable

_CHUNK = 2**16
_TAIL = 2**13           # bytes of stderr that are kept
_POLL = 0.05            # s between looks whether the process still lives
PATIENCE = 5.0          # s without an answer after which it is said what is waited for
STDOUT = " (stdout is for answers: write the rest to stderr)"
UNBUFFERED = ("PYTHONUNBUFFERED", "GFORTRAN_UNBUFFERED_ALL", "GFORTRAN_UNBUFFERED_PRECONNECTED",
              "_STDBUF_I", "_STDBUF_O", "_STDBUF_E")
ENDED = "ended with exit status"
LONG = "; the request is a line of"      # begins what is said of its length
GRACE = 2.0             # s that it has to end by itself


def no_answer(line):
    """What to say of a line that is not even meant as an answer; "" of one that may be."""
    return "" if line.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[") else STDOUT


def environment():
    """Ours, without what would flush a port's stdout for it: elsewhere it would hang."""
    kept = {name: value for name, value in os.environ.items() if name not in UNBUFFERED}
    before = kept.pop("LD_PRELOAD", "")
    after = [path for path in before.replace(":", " ").split() if "libstdbuf" not in path]
    return kept | ({"LD_PRELOAD": ":".join(after)} if after else {})


def killed_by(number):
    """What to say of a process that a signal ended.

    Examples
    --------
    >>> killed_by(11), killed_by(9)
    ('killed by SIGSEGV', 'killed by SIGKILL (out of memory?)')
    """
    return f"killed by {signal.Signals(number).name}{' (out of memory?)' * (number == 9)}"


class Fault(Exception):
    """The port failed to answer: `verdict` is crashed, timeout or error."""

    def __init__(self, verdict, message, stderr=None, late=None):
        super().__init__(message)
        self.verdict, self.message, self.stderr = verdict, message, stderr
        self.late = late            # id of the earlier case that the line belongs to
        self.after: Any = None      # requests that this process had answered


class Process:
    """`argv` in a process group of its own.

    Raises
    ------
    OSError
        If it cannot be started.
    """

    def __init__(self, argv, longest_line=LONGEST_LINE):
        self._mark = f"NPADASOFT_PORT={uuid.uuid4().hex}".encode()
        key, _, value = self._mark.decode().partition("=")
        self._popen: Any = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            bufsize=0, start_new_session=True, env=environment() | {key: value})
        self._longest = longest_line
        self._buffer = bytearray()
        self._tail: deque[bytes] = deque()
        self._closed = self._eof = False
        self._selector = selectors.DefaultSelector()
        self._pipes: list[Any] = [self._popen.stdin, self._popen.stdout, self._popen.stderr]
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
        for pipe in self._pipes[1:]:
            self._selector.register(pipe, selectors.EVENT_READ)

    @property
    def pid(self):
        """Process id, which is also the id of its group."""
        return self._popen.pid

    def ask(self, line, timeout, on_wait=None):
        """Write `line`, return the next line without its end.

        `on_wait` is called once, when there is no answer after `PATIENCE` seconds.

        Raises
        ------
        Fault
            On silence, a crash, or a line that is too long.
        """
        pending = memoryview(line + b"\n")
        self._selector.register(self._popen.stdin, selectors.EVENT_WRITE)
        deadline, scanned = time.monotonic() + timeout, 0
        while True:
            end = self._buffer.find(b"\n", scanned)
            if end >= 0:
                return self._take(end)
            scanned = len(self._buffer)
            if scanned > self._longest:
                raise self._fault("crashed", "answered a line of more than "
                                  f"{self._longest // 2**20} MiB")
            if self._eof:
                self._settle()
                raise self._fault("crashed", self._how_it_ended())
            left = deadline - time.monotonic()
            if on_wait and timeout - left > PATIENCE:
                on_wait = on_wait()
            if left <= 0:
                so_far = f", after {scanned} bytes without a line end" if scanned else ""
                raise self._fault("timeout", f"no answer within {timeout:g} s{so_far}")
            pending = self._wait(pending, min(left, _POLL))

    def _take(self, end):
        line = bytes(self._buffer[:end])
        del self._buffer[:end + 1]
        self._stop_writing()
        return line

    def refuse_unasked(self):
        """Raise a `Fault` if there is more than was asked for."""
        if not self._buffer:
            self._wait(memoryview(b""), 0)
        if self._buffer:
            start = bytes(self._buffer[:80])
            raise self._fault("error", f"more than one line for one request{IN_LINE}"
                              + printable(start.decode("utf-8", "replace"), 80) + no_answer(start))

    def _wait(self, pending, seconds):
        """Move bytes for at most `seconds`; what remains to be written."""
        events = self._selector.select(seconds)
        for key, _ in events:
            if key.fileobj is self._popen.stdin:
                pending = self._write(pending)
            elif key.fileobj is self._popen.stderr:
                self._read_stderr()
            else:
                self._read_stdout()
        if not events and seconds and self._ended():
            self._eof = True                # a child may keep the pipe: nobody will answer
        return pending

    def _write(self, pending):
        try:
            pending = pending[os.write(self._popen.stdin.fileno(), pending[:_CHUNK]):]
        except BlockingIOError:
            return pending
        except OSError:                     # it closed its stdin: it may have answered before
            pending = pending[len(pending):]
        if not pending:
            self._stop_writing()
        return pending

    def _stop_writing(self):
        if self._popen.stdin in self._selector.get_map():
            self._selector.unregister(self._popen.stdin)

    def _read_stdout(self):
        chunk = self._read(self._popen.stdout)
        if chunk == b"":
            self._eof = True
            self._selector.unregister(self._popen.stdout)
        self._buffer += chunk or b""

    def _read_stderr(self):
        chunk = self._read(self._popen.stderr)
        if chunk == b"":
            self._selector.unregister(self._popen.stderr)
        elif chunk:
            self._tail.append(chunk[-_TAIL:])
            while sum(map(len, self._tail)) - len(self._tail[0]) > _TAIL:
                self._tail.popleft()

    @staticmethod
    def _read(pipe):
        try:
            return os.read(pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return None

    def _settle(self, seconds=1.0):
        """Give a process that closed its stdout the time to end, and to say why."""
        deadline = time.monotonic() + seconds
        while not self._ended() and time.monotonic() < deadline:
            time.sleep(0.005)
        while self._popen.stderr in self._selector.get_map():
            before = sum(map(len, self._tail)), len(self._tail)
            self._read_stderr()
            if before == (sum(map(len, self._tail)), len(self._tail)):
                break

    def _ended(self):
        """Whether it has ended; it is not reaped, so that its group keeps its number."""
        if self._popen.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._popen.poll() is not None
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def _how_it_ended(self):
        start = "in the middle of a line, " if self._buffer else ""
        if not self._ended():
            return f"{start}closed its stdout"
        self._kill_group()
        code = self._popen.wait()
        if code < 0:
            return f"{start}{killed_by(-code)}"
        shell = f", {killed_by(code - 128)}," if code - 128 in set(signal.Signals) else ""
        return f"{start}{ENDED} {code}{shell} instead of an answer"

    def _fault(self, verdict, message):
        return Fault(verdict, message, self.stderr())

    def stderr(self, n_lines=5):
        """The last lines that it wrote to stderr, or None."""
        text = b"".join(self._tail)[-_TAIL:].decode("utf-8", "replace")
        lines = [printable(line, 200) for line in text.splitlines() if line.strip()]
        return "\n".join(lines[-n_lines:]) or None

    def close(self, last_line=None):
        """Write `last_line`, give it `GRACE` seconds to end, then kill its group and all strays."""
        if self._closed:
            return
        self._closed = True
        try:
            if last_line is not None and not self._ended():
                self._bid_farewell(last_line + b"\n")
        finally:
            self._kill_group()
            self._popen.wait()
            self._kill_strays()
            self._selector.close()
            for pipe in self._pipes:
                _close(pipe)

    def _bid_farewell(self, line):
        try:
            os.write(self._popen.stdin.fileno(), line)
        except OSError:
            return
        _close(self._popen.stdin)
        deadline = time.monotonic() + GRACE
        while not self._ended() and time.monotonic() < deadline:
            for pipe in self._pipes[1:]:
                self._read(pipe)            # and forget
            time.sleep(0.002)

    def _kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def _kill_strays(self):
        """Children that left the group still carry the mark in their environment (Linux)."""
        for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if self._mark in file.read().split(b"\0"):
                        os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue


def _close(pipe):
    try:
        pipe.close()
    except OSError:
        pass
