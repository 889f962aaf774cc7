"""Calls held against a recorded signature."""
import functools
import inspect


@functools.lru_cache(None)
def _signature(text):
    return inspect.signature(eval(f"lambda {text[1:-1]}: None", {}))    # text of our own record


@functools.lru_cache(None)
def _places(text, count, names):
    """(parameter, how to take its value from args and keywords) of a call with those."""
    bound = _signature(text).bind(*range(count), **{name: name for name in names}).arguments
    return [(parameter, _taker(place)) for parameter, place in bound.items()]


def _taker(place):
    if isinstance(place, tuple):                    # *args
        return lambda args, _: tuple(args[k] for k in place)
    if isinstance(place, dict):                     # **keywords
        return lambda _, keywords: {name: keywords[name] for name in place}
    if isinstance(place, int):
        return lambda args, _: args[place]
    return lambda _, keywords: keywords[place]


def bind(name, text, args, keywords):
    """The arguments by name, or the TypeError that CuPy's own function would raise."""
    try:
        places = _places(text, len(args), tuple(keywords))
    except TypeError as error:
        raise TypeError(f"cupy.{name}{text}: {error}") from None
    return {parameter: place(args, keywords) for parameter, place in places}


def positional_names(text, count):
    """The parameters to which the first `count` positional arguments fall."""
    names = []
    for parameter in _signature(text).parameters.values():
        many = parameter.kind is parameter.VAR_POSITIONAL
        names += [parameter.name] * (count if many else 1)
    return names[:count]
