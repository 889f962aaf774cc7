"""Writes NaN as a bare word, as many JSON writers do."""
from honest import say, serve


def misbehave(message):
    say(f'{{"seq": {message["seq"]}, "results": {{"loss": {{"shape": [], "data": [NaN]}}}}}}\n')


serve(misbehave)
