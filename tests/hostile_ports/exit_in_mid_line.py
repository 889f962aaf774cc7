"""Dies in the middle of its answer, and says why on stderr."""
import os
import sys

from honest import say, serve


def misbehave(message):
    say(f'{{"seq": {message["seq"]}, "resu')
    print("thread 'main' panicked", file=sys.stderr, flush=True)
    os._exit(3)


serve(misbehave)
