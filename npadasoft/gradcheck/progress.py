"""How long a check takes: a line on the terminal, and what a budget has room for."""
import sys
import time

PATIENCE, EVERY = 3.0, 0.5      # seconds before the first line, and between lines


class Clock:
    """Counts the seconds of a check, and of f alone; writes a line if somebody looks."""

    def __init__(self, budget=None, stream=None):
        self.budget, self.stream = budget, sys.stderr if stream is None else stream
        self.begun = self.last = time.perf_counter()
        self.in_f, self.calls, self.written, self.doing = 0.0, 0, 0, ""

    def timed(self, call):
        """call(), counted."""
        begun = time.perf_counter()
        try:
            return call()
        finally:
            now = time.perf_counter()
            self.in_f += now - begun
            self.calls += 1
            if now - self.begun > PATIENCE and now - self.last > EVERY:
                self.last = now
                self._say(f"gradcheck: {self.doing}, {self.calls:,} evaluations of f, "
                          f"{now - self.begun:.0f} s")

    def takes(self, evaluations):
        """Seconds for so many more of f."""
        return evaluations * self.in_f / max(self.calls, 1)

    def left(self):
        """Seconds of the budget."""
        return self.budget - (time.perf_counter() - self.begun)

    def _say(self, text):
        if getattr(self.stream, "isatty", bool)():
            self.stream.write("\r" + text.ljust(self.written))
            self.stream.flush()
            self.written = len(text)

    def done(self):
        """Take the line away."""
        if self.written:
            self.stream.write("\r" + " " * self.written + "\r")
            self.stream.flush()
