"""Counting what makes the host wait for the device."""
import contextlib

_open: list["Syncs"] = []


class Syncs(list):
    """The names of the synchronising calls, in order; its length is their number."""


@contextlib.contextmanager
def count_syncs():
    """Collect every device-to-host synchronisation inside the block."""
    seen = Syncs()
    _open.append(seen)
    try:
        yield seen
    finally:
        _open.remove(seen)


def synchronised(name):
    """Note one synchronisation by the call `name`."""
    for seen in _open:
        seen.append(name)
