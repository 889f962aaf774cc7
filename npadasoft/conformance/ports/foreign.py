"""What ports of other projects share; their files lie under build/peers, and none is contained
here."""
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

from npadasoft.conformance.ports.base import Skipped

PEERS = Path("build") / "peers"
TRAINS = ("shapes", "forward", "backward", "log_prob", "log_prob_backward")
PREDICTS = (*TRAINS, "predict")
ALONG = ("jvp", "log_prob_jvp", "hvp")
EMBEDS = ("embed", "embed_backward")
DTYPES = ("float64", "float32")


def mean_of_all(config):
    """Skip what a layer cannot do that takes the mean over all rows."""
    if config.get("ignore_index") is not None:
        raise Skipped("the layer has no ignore_index")
    if config.get("reduction", "mean") != "mean":
        raise Skipped("the layer always takes the mean")
    no_tail_bias(config)


def no_tail_bias(config):
    """Skip a case with biases in the tails, for a layer that has none."""
    if config.get("tail_bias"):
        raise Skipped("the layer has no biases in its tails",
                      "https://github.com/pytorch/pytorch/issues/37155")


def peer_file(path, how):
    """The file `path` under build/peers; without it, the command that puts it there."""
    found = PEERS / path
    if not found.is_file():
        raise ImportError(f"this port needs {found}; to get it:\n{how}")
    return found


def module_of(path, stand_ins=None):
    """The module in the file `path`; `stand_ins` are modules, by name, that it may import."""
    names = {}
    for name, content in (stand_ins or {}).items():
        names[name] = types.ModuleType(name)
        vars(names[name]).update(content)
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        spec: Any = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    return module
