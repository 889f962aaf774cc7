"""An integer of a million digits."""
from honest import say, serve


def misbehave(message):
    say(f'{{"seq": {message["seq"]}, "results": {{"loss": {{"shape": [], "data": [{"9" * 10**6}]}}}}}}\n')


serve(misbehave)
