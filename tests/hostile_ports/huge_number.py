"""An integer of a million digits."""
from honest import say, serve


def misbehave(message):
    loss = f'{{"shape": [], "data": [{"9" * 10**6}]}}'
    say(f'{{"seq": {message["seq"]}, "results": {{"loss": {loss}}}}}\n')


serve(misbehave)
