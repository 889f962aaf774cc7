"""Writes much to stderr before a right answer: no harm."""
import sys

from honest import line_of, say, serve


def misbehave(message):
    for _ in range(200):
        sys.stderr.write("warning: " + "w" * 100000 + "\n")
    say(line_of(message))


serve(misbehave)
