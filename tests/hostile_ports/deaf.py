"""Closes its ears: stdin."""
import os
import time

from honest import serve


def misbehave(message):
    os.close(0)
    os.close(1)
    time.sleep(1000)


serve(misbehave)
