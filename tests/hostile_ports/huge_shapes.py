"""Announces more numbers than any memory holds."""
from honest import say, serve


def misbehave(message):
    say(f'{{"seq": {message["seq"]}, "results": {{"output": {{"shape": [1000000000, 1000000000], "data": []}}}}}}\n')


serve(misbehave)
