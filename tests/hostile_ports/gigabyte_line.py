"""Answers in a line of one gigabyte."""
from honest import say, serve


def misbehave(message):
    say(f'{{"seq": {message["seq"]}, "results": {{}}, "padding": "')
    for _ in range(1024):
        say(b"x" * 2**20)
    say('"}\n')


serve(misbehave)
