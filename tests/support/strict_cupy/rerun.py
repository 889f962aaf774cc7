"""A second copy of a test module, in which the layer and its functions run on the stand-in."""
import contextlib
import importlib.util
import sys
import types
from pathlib import Path

import npadasoft
from npadasoft import adaptive, cutoffs, functional, fused, search, tangents

from .layer import AdaptiveLogSoftmaxWithLoss, Plain, lifted, lifted_with_layer

TESTS = Path(__file__).parents[2]
HELPERS = ("contract", "oracles", "strategies")         # made anew: they may build layers
LIFTED = {
    functional: [name for name in vars(functional) if callable(getattr(functional, name))
                 and getattr(functional, name).__module__ == functional.__name__
                 and name != "array_namespace"],
    cutoffs: ["route", "group"], search: ["predict", "topk", "sample"], fused: ["backpropagate"],
    tangents: ["log_softmax_jvp"]}
OF_A_LAYER = ("jvp", "hvp", "gnvp", "log_prob_jvp")     # of tangents; none waits for the device


def _swaps():
    """What stands for what: (module, name, value)."""
    yield npadasoft, Plain.__name__, AdaptiveLogSoftmaxWithLoss
    yield adaptive, Plain.__name__, AdaptiveLogSoftmaxWithLoss
    for module, names in LIFTED.items():
        for name in names:
            yield module, name, lifted(getattr(module, name))
    for name in OF_A_LAYER:
        yield tangents, name, lifted_with_layer(getattr(tangents, name), most=0)


@contextlib.contextmanager
def _swapped(swaps):
    kept = [(module, name, getattr(module, name)) for module, name, _ in swaps]
    hidden = {name: sys.modules.pop(name) for name in HELPERS if name in sys.modules}
    try:
        for module, name, value in swaps:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)
        for name in HELPERS:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)


class Proxy(types.ModuleType):
    """A module with some names swapped; all else is the module's own, to read and to patch."""

    def __init__(self, module, swapped):
        super().__init__(module.__name__)
        self.__dict__.update(swapped, _module=module, _before={})

    def __getattr__(self, name):
        return getattr(self._module, name)

    def __setattr__(self, name, value):
        self._before.setdefault(name, getattr(self._module, name, None))
        setattr(self._module, name, value)

    def __delattr__(self, name):
        """What pytest's monkeypatch does to undo: it does not find the name in our own dict."""
        setattr(self._module, name, self._before[name])


def _proxies(swaps):
    """Modules with the swapped names, for tests that write `functional.linear`."""
    modules = {module for module, _, _ in swaps}
    found = {module: Proxy(module, {name: value for owner, name, value in swaps if owner is module})
             for module in modules}
    for module, proxy in found.items():
        proxy.__dict__.update({key: found[value] for key, value in vars(module).items()
                               if isinstance(value, types.ModuleType) and value in found})
    return found


def copy_of(name):
    """The test module `name` with the layer, and the functions under it, on the stand-in."""
    swaps = list(_swaps())
    file = next(TESTS.glob(f"*/{name}.py"))
    spec = importlib.util.spec_from_file_location(f"{name}_on_strict_cupy", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    with _swapped(swaps):
        spec.loader.exec_module(module)
    proxies = _proxies(swaps)
    for helper in [module, *(value for value in vars(module).values()
                             if isinstance(value, types.ModuleType) and value.__name__ in HELPERS)]:
        helper.__dict__.update({key: proxies[value] for key, value in vars(helper).items()
                                if isinstance(value, types.ModuleType) and value in proxies})
    return module
