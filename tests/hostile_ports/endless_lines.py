"""Writes lines for ever."""
from honest import line_of, say, serve


def misbehave(message):
    while True:
        say(line_of(message) * 100)


serve(misbehave)
