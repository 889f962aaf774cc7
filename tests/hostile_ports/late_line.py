"""Answers, and after the next request answers the first once more."""
import json
import sys

from honest import line_of, say, serve


def misbehave(message):
    say(line_of(message))
    json.loads(sys.stdin.readline())
    say(line_of(message))


serve(misbehave, op="backward")
