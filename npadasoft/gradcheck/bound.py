"""A function of parameters, made of an object that holds its arrays as attributes."""

from npadasoft.gradcheck.errors import GradcheckUsage


def bound(obj, names, call):
    """Parameters and function for `check`, for an object that keeps its arrays itself.

    Each call rebinds the attributes to the trial arrays and, also after an exception, back to the
    very same originals; no array is written to.

    Parameters
    ----------
    obj : object
    names : list of str
        Dotted: attributes, keys of a dict and indices of a list, `layers.0.weight`.
    call : callable
        call() -> what f returns; it uses `obj`.

    Returns
    -------
    params : dict
        The arrays, by name.
    f : callable
        f(params) -> call() with these arrays in place.

    Examples
    --------
    >>> import numpy as np
    >>> class Layer:
    ...     weight = np.array([1.0, 2.0])
    ...     def loss(self):
    ...         return np.sum(self.weight ** 2)
    >>> layer = Layer()
    >>> params, f = bound(layer, ["weight"], layer.loss)
    >>> float(f({"weight": np.array([3.0, 4.0])})), layer.weight is Layer.weight
    (25.0, True)
    """
    names = [names] if isinstance(names, str) else list(names)
    params = {name: _get(*_parent(obj, name)) for name in names}

    def f(trial):
        undo = []
        try:
            for name in names:
                holder, key = _parent(obj, name)
                undo.append((holder, key, _held(holder, key)))
                _set(holder, key, trial[name])
            return call()
        finally:
            for holder, key, original in reversed(undo):
                _restore(holder, key, original)

    f.__name__ = getattr(call, "__name__", "call")
    return params, f


def _parent(obj, name):
    *path, last = name.split(".")
    for key in path:
        obj = _get(obj, key)
    if isinstance(obj, tuple):
        raise GradcheckUsage(f"{name}: a tuple cannot be rebound; name an attribute above it")
    return obj, last


def _get(holder, key):
    try:
        if isinstance(holder, dict):
            return holder[key]
        if isinstance(holder, (list, tuple)):
            return holder[int(key)]
        return getattr(holder, key)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise GradcheckUsage(f"{key}: expected a part of {type(holder).__name__}, got "
                             f"{type(error).__name__}: {error}") from error


ABSENT = object()       # the attribute is of the class, not of the instance


def _held(holder, key):
    if isinstance(holder, (dict, list)) or key in getattr(holder, "__dict__", {}):
        return _get(holder, key)
    if key in getattr(type(holder), "__dict__", {}) and not hasattr(
            getattr(type(holder), key), "__get__"):
        return ABSENT
    return _get(holder, key)


def _set(holder, key, value):
    if isinstance(holder, dict):
        holder[key] = value
    elif isinstance(holder, list):
        holder[int(key)] = value
    else:
        try:
            setattr(holder, key, value)
        except AttributeError:                      # a frozen dataclass
            object.__setattr__(holder, key, value)


def _restore(holder, key, original):
    if original is ABSENT:
        delattr(holder, key)
    else:
        _set(holder, key, original)
