"""Is killed by a signal, as by a wild pointer."""
import os
import signal

from honest import serve

serve(lambda message: os.kill(os.getpid(), signal.SIGSEGV))
