"""Answers with a list in a list in a list."""
from honest import say, serve


def misbehave(message):
    depth = 60000
    say(f'{{"seq": {message["seq"]}, "results": {"[" * depth}{"]" * depth}}}\n')


serve(misbehave)
