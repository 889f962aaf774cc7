"""Serves the judge honestly, but for one request: the forward (or `op`) of case T03."""
import importlib.util
import json
import os
import sys
from pathlib import Path

_path = Path(__file__).parent.parent / "ports" / "plain_python.py"
_spec = importlib.util.spec_from_file_location("plain_python", _path)
port = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(port)


def say(text):
    """Bytes or text to stdout, at once."""
    sys.stdout.buffer.write(text if isinstance(text, bytes) else text.encode())
    sys.stdout.buffer.flush()


def line_of(message):
    """The honest answer, as a line."""
    return json.dumps({"seq": message.get("seq"), **port.answer(message)}) + "\n"


def remember(pid):
    """Leave the number of a child for the test."""
    with open(os.environ["HOSTILE_PIDS"], "a", encoding="utf-8") as file:
        file.write(f"{pid}\n")


def serve(misbehave, op="forward"):
    """Answer until told to stop."""
    remember(os.getpid())
    for line in sys.stdin:
        message = json.loads(line)
        if message["cmd"] == "stop":
            break
        if message.get("id") == "T03" and message.get("op") == op:
            misbehave(message)
        else:
            say(line_of(message))
