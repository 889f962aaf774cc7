"""An error message that would clear the reader's terminal."""
import json

from honest import say, serve


def misbehave(message):
    error = {"kind": "other", "message": "\x1b[2J\x1b]0;owned\x07" + "a" * 10**5}
    say(json.dumps({"seq": message["seq"], "error": error}) + "\n")


serve(misbehave)
