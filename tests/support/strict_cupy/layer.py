"""The layer on the stand-in behind NumPy's face: arrays go up, calls run there, results come down.

A test that is written for NumPy arrays runs on the stand-in when it finds this class in the place
of `npadasoft.AdaptiveLogSoftmaxWithLoss`, and `lifted(f)` in that of a function f.  Each call is
also held to its number of waits for the device.
"""
import copy
import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

import npadasoft
from npadasoft import Parameters, arrays

from . import arrays as stand_in
from . import functions
from .syncs import count_syncs

Plain = npadasoft.AdaptiveLogSoftmaxWithLoss
WAITS = {"forward": 1, "__call__": 1, "loss_and_gradients": 1, "backward": 0, "log_prob": 0,
         "log_prob_backward": 0, "sample": 1, "state_dict": 0}


ANALYTIC = {"__call__", "forward", "log_prob", "predict", "topk", "sample", "state_dict", "linear",
            "linear_backward", "log_softmax", "pick", "log1p", "bias_backward"}     # complex, too


class Library:
    """Where the arrays go: the stand-in, or a library that a test names with `use`."""

    name, array_class = "strict_cupy", stand_in.ndarray
    asarray, asnumpy = staticmethod(functions.asarray), staticmethod(functions.asnumpy)
    dtypes = "?bhilqBHILQefdFD"


def use(module, dtypes):
    """Let the arrays go to another library with CuPy's face from now on."""
    Library.name, Library.array_class, Library.dtypes = module.__name__, module.ndarray, dtypes
    Library.asarray, Library.asnumpy = module.asarray, module.asnumpy


class Unliftable(Exception):
    """An array that CuPy cannot hold (long doubles, objects), or not do this with (complex)."""


def up(value, pairs=None, dtypes=None):
    """`value` with every NumPy array in it as an array of the stand-in."""
    if isinstance(value, np.ndarray):
        if value.dtype.char not in (Library.dtypes if dtypes is None else dtypes):
            raise Unliftable(value.dtype)
        lifted_value = Library.asarray(value.astype(value.dtype.newbyteorder("="), copy=False))
        if pairs is not None:
            pairs.append((value, lifted_value))
        return lifted_value
    return _through(value, functools.partial(up, pairs=pairs, dtypes=dtypes))


def down(value):
    """`value` with every array of the stand-in in it as a NumPy array; a 0-d one as a scalar."""
    if isinstance(value, Library.array_class):
        return np.array(Library.asnumpy(value))[()]
    return _through(value, down)


def _through(value, f):
    """A tree of tuples, mappings and dataclasses with f done to what it holds."""
    if isinstance(value, Parameters):
        return value.map(f)
    if isinstance(value, tuple):
        items = [f(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, Mapping):
        return {key: f(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{
            field.name: f(getattr(value, field.name)) for field in dataclasses.fields(value)})
    return value


def lifted(function, most=None):
    """`function` on the stand-in; what it writes into its arguments comes down too."""
    @functools.wraps(function)
    def on_device(*args, **keywords):
        arrays._LIBRARIES.setdefault(Library.name, "ndarray")
        pairs, dtypes = [], Library.dtypes
        if function.__name__ not in ANALYTIC:
            dtypes = dtypes.replace("FD", "")
        try:
            args, keywords = up(args, pairs, dtypes), up(keywords, pairs, dtypes)
        except Unliftable:
            return function(*args, **keywords)
        with count_syncs() as seen:
            result = function(*args, **keywords)
        assert most is None or len(seen) <= most, f"{function.__name__} waits {len(seen)} times"
        for host, device in pairs:
            back = Library.asnumpy(device)
            if host.flags.writeable and not _same_bits(host, back):
                host[...] = back
        return down(result)
    return on_device


def _same_bits(a, b):
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def lifted_with_layer(function, most=None):
    """As `lifted`, for a function whose first argument is a layer: its weights go up."""
    @functools.wraps(function)
    def on_device(layer, *args, **keywords):
        def call(tree, *args, **keywords):
            shadow = copy.copy(layer)
            shadow.__class__ = Plain
            shadow._parameters = tree
            return function(shadow, *args, **keywords)
        call.__name__ = function.__name__
        return lifted(call, most)(layer._parameters, *args, **keywords)
    return on_device


def _method(name):
    def method(self, *args, **keywords):
        most = WAITS.get(name, 1 + self.n_clusters)     # predict, topk: one a cluster
        if name == "sample":                            # a cluster might be nan: it asks again
            most += not all(np.isfinite(leaf).all() for _, leaf in self._parameters.items())
        return lifted_with_layer(getattr(Plain, name), most)(self, *args, **keywords)
    method.__name__, method.__doc__ = name, getattr(Plain, name).__doc__
    return method


class AdaptiveLogSoftmaxWithLoss(Plain):
    """The layer with NumPy's face and the stand-in's inside."""

    def load_state_dict(self, state_dict):
        def load(tree, state_dict):
            shadow = copy.copy(self)
            shadow.__class__, shadow._parameters = Plain, tree
            shadow.load_state_dict(state_dict)
            return shadow._parameters
        mapping = isinstance(state_dict, Mapping)       # what is none is refused by its own type
        self._parameters = (lifted(load) if mapping else load)(self._parameters, state_dict)

    @classmethod
    def from_state_dict(cls, state_dict, **keywords):
        def make(state_dict):
            layer = Plain.from_state_dict(state_dict, **keywords)
            return layer, layer._parameters
        layer, tree = lifted(make)(state_dict)
        layer.__class__, layer._parameters = cls, tree
        return layer


for _name in ("__call__", "forward", "backward", "loss_and_gradients", "log_prob",
              "log_prob_backward", "predict", "topk", "sample", "state_dict"):
    setattr(AdaptiveLogSoftmaxWithLoss, _name, _method(_name))
