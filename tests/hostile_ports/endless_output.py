"""Writes for ever, and never ends the line."""
from honest import say, serve


def misbehave(message):
    while True:
        say(b"1" * 65536)


serve(misbehave)
