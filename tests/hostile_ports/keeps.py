"""Serves the judge honestly, but takes one place of a request from the first, or the one before.

    keeps.py cotangents.loss first
"""
import json
import sys

from honest import line_of, say

PLACE, WHEN = sys.argv[1:]
kept: dict = {}


def keep(name, value):
    """What was there in an earlier request, if it has the same shape."""
    there = kept.get(name, value)
    if WHEN == "previous" or name not in kept:
        kept[name] = value
    same = not isinstance(value, dict) or there["shape"] == value["shape"]
    return there if same else value


for line in sys.stdin:
    message = json.loads(line)
    if message["cmd"] == "stop":
        break
    for group in ("config", "params", "inputs", "cotangents"):
        for name, value in message.get(group, {}).items():
            if f"{group}.{name}" == PLACE:
                message[group][name] = keep(name, value)
    say(line_of(message))
