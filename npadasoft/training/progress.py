"""The line that shows how far a run is."""

from __future__ import annotations

import math
import time


class Progress:
    """A bar, and for every softmax words per second and the running perplexity.

    On a terminal one line, drawn over at most ten times a second; else a new line at every tenth.

    Parameters
    ----------
    stream : text file
    steps : int
        What the run will reach.
    """

    def __init__(self, stream, steps, clock=time.monotonic):
        self.stream, self.steps, self.clock = stream, steps, clock
        self.terminal = stream.isatty()
        self.shown, self.tenth = -math.inf, -1

    def __call__(self, run):
        """Show where the run is, if it is time to."""
        now, tenth = self.clock(), int(10 * self.done(run))
        last = run.step >= self.steps
        if last or (now - self.shown >= 0.1 if self.terminal else tenth > self.tenth):
            self.shown, self.tenth = now, tenth
            end = "\n" if last or not self.terminal else ""
            self.stream.write(("\r" if self.terminal else "") + self.line(run) + end)
            self.stream.flush()

    def done(self, run):
        """The part of all steps that is done."""
        steps = [learner.step for learner in run.learners.values()]
        return sum(steps) / (len(steps) * self.steps)

    def line(self, run):
        """The text of the line."""
        done = self.done(run)
        bar = "#" * int(20 * done) + "." * (20 - int(20 * done))
        parts = [f"[{bar}] {done:4.0%} step {run.step}/{self.steps}"]
        for name, learner in run.learners.items():
            if not learner.step:
                continue
            rate = learner.step * run.settings.batch / learner.seconds
            perplexity = math.exp(learner.loss) if learner.loss < 700 else math.inf
            parts.append(f"{name} {rate:,.0f} words/s, perplexity {perplexity:.1f}")
        return " | ".join(parts)
