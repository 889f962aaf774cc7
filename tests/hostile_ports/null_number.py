"""Writes null for a nan, as other JSON writers do."""
from honest import say, serve


def misbehave(message):
    say(f'{{"seq": {message["seq"]}, "results": {{"loss": {{"shape": [], "data": [null]}}}}}}\n')


serve(misbehave)
