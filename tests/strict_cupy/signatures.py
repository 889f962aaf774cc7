"""Calls held against a recorded signature."""
import functools
import inspect


@functools.lru_cache(None)
def _signature(text):
    return inspect.signature(eval(f"lambda {text[1:-1]}: None", {}))    # text of our own record


def bind(name, text, args, keywords):
    """The arguments by name, or the TypeError that CuPy's own function would raise."""
    try:
        return _signature(text).bind(*args, **keywords).arguments
    except TypeError as error:
        raise TypeError(f"cupy.{name}{text}: {error}") from None


def positional_names(text, count):
    """The parameters to which the first `count` positional arguments fall."""
    names = []
    for parameter in _signature(text).parameters.values():
        many = parameter.kind is parameter.VAR_POSITIONAL
        names += [parameter.name] * (count if many else 1)
    return names[:count]
