"""Serves the judge honestly, but leaves: after so many requests, or so many bytes, or at a case.

    leaves.py exit 0 after 40        leaves.py kill 9 bytes 400000        leaves.py exit 1 case T03
"""
import json
import os
import sys

from honest import line_of, say

HOW, NUMBER, WHEN, LIMIT = sys.argv[1:]
requests = size = 0


def due(message):
    """Whether it is time to leave."""
    if WHEN == "case":
        return message.get("id") == LIMIT
    return (requests if WHEN == "after" else size) > int(LIMIT)


for line in sys.stdin:
    message = json.loads(line)
    if message["cmd"] == "stop":
        break
    if message["cmd"] != "start":
        requests, size = requests + 1, size + len(line)
        if due(message):
            if HOW == "kill":
                os.kill(os.getpid(), int(NUMBER))
            os._exit(int(NUMBER))
    say(line_of(message))
