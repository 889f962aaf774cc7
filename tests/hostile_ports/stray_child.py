"""Leaves a child behind that has left the process group."""
import os
import subprocess
import sys

from honest import remember, serve


def misbehave(message):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"],
                             start_new_session=True)
    remember(child.pid)
    os._exit(1)


serve(misbehave)
