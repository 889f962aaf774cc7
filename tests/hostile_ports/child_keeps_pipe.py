"""Leaves a child behind that holds the pipe open."""
import os
import subprocess
import sys

from honest import remember, serve


def misbehave(message):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    remember(child.pid)
    os._exit(1)


serve(misbehave)
