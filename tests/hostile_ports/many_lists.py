"""Answers with millions of empty lists: small as text, large in memory."""
from honest import say, serve


def misbehave(message):
    say(f'{{"seq": {message["seq"]}, "results": {{"output": [{"[]," * 10**6}[]]}}}}\n')


serve(misbehave)
