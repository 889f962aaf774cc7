"""Ready ports by name, and ports by `module:Class`."""
import importlib
import os
import sys

READY = {
    "ours": ("npadasoft.conformance.ports.ours:Ours", "the layer itself"),
    "ours-blocked": ("npadasoft.conformance.ports.blocked:Blocked", "blocked, in least memory"),
    "ours-blocked-1": ("npadasoft.conformance.ports.blocked:OneRow", "in blocks of one row"),
    "ours-blocked-3": ("npadasoft.conformance.ports.blocked:ThreeRows", "in blocks of three rows"),
    "ours-blocked-cut": ("npadasoft.conformance.ports.blocked:Cut", "in blocks cut in classes too"),
    "torch": ("npadasoft.conformance.ports.torch:Torch", "PyTorch's layer (pip install torch)"),
}


def load(name):
    """The port that is called `name`: one of `READY`, or `module:Class`.

    Raises
    ------
    ValueError
        If there is none; the message says why.
    """
    where = READY[name][0] if name in READY else name
    module, colon, attribute = where.partition(":")
    if not colon:
        raise ValueError(f"{name!r} is no ready port ({', '.join(READY)}) and no module:Class")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())             # as `python -m` would
    try:
        return getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from None
