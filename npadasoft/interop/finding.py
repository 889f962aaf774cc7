"""Where in a state the layer is: the prefixes under which there is one, and all of it.

    D in_features   K columns of the head   H hidden size of a tail   O its number of classes
"""
import numpy as np

from npadasoft.interop.folding import fold
from npadasoft.state import sizes as state_sizes

_HEADS = ("head.weight", "head.weight_orig", "head.weight_v",
          "head.parametrizations.weight.original", "head.parametrizations.weight.original1")
_MAX_PREFIXES = 50


def layers(shapes):
    """The layers among arrays of these names and shapes, by their prefix.

    Returns
    -------
    dict of str to tuple
        (in_features, cutoffs) of each; cutoffs with the number of classes at the end.

    Examples
    --------
    >>> layers({"m.head.weight": (3, 4), "m.tail.0.0.weight": (2, 4), "m.tail.0.1.weight": (5, 2)})
    {'m.': (4, (2, 7))}
    """
    prefixes = dict.fromkeys(name[:-len(head)] for name in shapes for head in _HEADS
                             if name.endswith(head) and name[:-len(head)][-1:] in ("", "."))
    found = {}
    for prefix in list(prefixes)[:_MAX_PREFIXES]:
        part = {name[len(prefix):]: shape for name, shape in shapes.items()
                if name.startswith(prefix)}
        sizes, _ = layer(part)
        if sizes is not None:
            found[prefix] = sizes
    return found


def layer(shapes):
    """((in_features, cutoffs), "") of the one layer that arrays of these shapes make, or why none.
    """
    shapes = {name: shape for name, shape in shapes.items() if not is_extra(name)}
    stand_ins = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    try:
        whole = {name: array.shape for name, array in fold(stand_ins, make=False).items()}
        in_features, cutoffs, hidden = state_sizes(whole)
    except ValueError as error:
        return None, str(error)
    for i, size in enumerate(hidden):
        if whole[f"tail.{i}.0.weight"][1] != in_features or whole[f"tail.{i}.1.weight"][1] != size:
            return None, f"the matrices of tail {i} do not fit together, or not the head"
    if list(cutoffs) != sorted(set(cutoffs)) or cutoffs[0] < 1:
        return None, "a short-list or tail would have no classes"
    return (in_features, tuple(cutoffs)), ""


def is_extra(name):
    """Whether a name is that of a module's `_extra_state`, which is none of its weights."""
    return name.rpartition(".")[2] == "_extra_state"


def only(shapes):
    """The one prefix under which there is a layer.

    Raises
    ------
    ValueError
        If there is none, or more.
    """
    found = list(layers(shapes))
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"there is a layer under each of {_listed(found)}: prefix= names one")
    raise ValueError(f"there is no layer under any prefix: {advice(shapes, '')}")


def advice(shapes, prefix):
    """What to say to whoever found no layer under `prefix`."""
    found = list(layers(shapes))
    if found:
        return f"there is one under prefix={' or prefix='.join(map(ascii, found[:5]))}"
    if prefix and not any(name.startswith(prefix) for name in shapes):
        return f"no name begins with {ascii(prefix)}; they are {_listed(list(shapes))}"
    part = {name[len(prefix):]: shape for name, shape in shapes.items() if name.startswith(prefix)}
    _, why = layer(part)
    return f"{_short(why)}; the names are {_listed(list(part))}"


def _short(text):
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:297] + "..."


def _listed(names):
    """The first names, and how many more there are."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(ascii(name)[:60] for name in names[:6]) + more if names else "none"
