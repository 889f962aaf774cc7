"""Counting what makes the host wait for the device."""
import contextlib
import threading

_here = threading.local()           # each thread counts its own


class Syncs(list):
    """The names of the synchronising calls, in order; its length is their number."""


@contextlib.contextmanager
def count_syncs():
    """Collect every device-to-host synchronisation inside the block."""
    seen = Syncs()
    before = getattr(_here, "counters", ())
    _here.counters = (*before, seen)
    try:
        yield seen
    finally:
        _here.counters = before


def synchronised(name):
    """Note one synchronisation by the call `name`."""
    for seen in getattr(_here, "counters", ()):
        seen.append(name)
