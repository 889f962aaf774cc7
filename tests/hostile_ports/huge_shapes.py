"""Announces more numbers than any memory holds."""
from honest import say, serve


def misbehave(message):
    output = '{"shape": [1000000000, 1000000000], "data": []}'
    say(f'{{"seq": {message["seq"]}, "results": {{"output": {output}}}}}\n')


serve(misbehave)
