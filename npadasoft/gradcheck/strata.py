"""Elements of like size, and of like weight: those that one direction can serve.

The weight of an element is how much f changes with a step of its own scale.  In one sum the small
ones do not show beside the large ones; among their like they do.
"""
import math

import numpy as np

from npadasoft.gradcheck.sizes import norm, rms

DECADES = 3             # of sizes that one direction serves
MOST = 64               # strata of a tensor
CHANCE = 1e-3           # of the largest, times the share of those that are no larger


def by_weight(weight):
    """Masks of elements whose weights are within `DECADES`; the last of those without any."""
    largest = weight.max(initial=0.0)
    with np.errstate(divide="ignore"):
        step = np.floor(np.log10(largest / weight) / DECADES) if largest else 0 * weight
    shown = weight > 0
    masks = [shown & (step == k) for k in np.unique(step[shown])]
    return masks + ([~shown] if not shown.all() else [])


def scales(array):
    """By how much each element is moved along a direction: the rms of those of like size.

    Its own size would be too little for one that is near zero by chance, the rms of all of them
    far too much for one that is small by nature.  By chance a thousandth of them are a thousandth
    of the largest, and so on; more are another size.  Zeros go with the median; 1 if all are zero.

    Examples
    --------
    >>> scales(np.array([3e8, -3e8, 0.0, 2e-8, 2e-8])).tolist()
    [300000000.0, 300000000.0, 2e-08, 2e-08, 2e-08]
    """
    size = np.abs(np.asarray(array, float)).ravel()
    found = np.ones(size.shape)
    rising = nonzero = np.flatnonzero(size > 0)[np.argsort(size[size > 0], kind="stable")]
    while rising.size:
        share = np.arange(1, rising.size + 1) / rising.size
        other = np.flatnonzero(size[rising] < CHANCE * share * size[rising[-1]])
        start = other[-1] + 1 if other.size else 0
        found[rising[start:]] = rms(size[rising[start:]])
        rising = rising[:start]
    if nonzero.size:
        found[size == 0] = found[nonzero[(nonzero.size - 1) // 2]]
    return found.reshape(np.shape(array))


def split(weight, noise, limit):
    """Masks as by `by_weight`, cut further until `noise` along one is below `limit` of its least.

    `noise` is that of each element, as a part of what it weighs; along many it adds up as a norm.
    """
    zeros = weight == 0
    done: list = []
    todo = [np.flatnonzero(mask) for mask in by_weight(weight) if weight[mask].any()]
    while todo:
        members = todo.pop(0)
        least = weight[members].min()
        if len(members) > 1 and norm(noise[members]) > limit * least and len(
                done) + len(todo) < MOST:
            order = members[np.argsort(-weight[members], kind="stable")]
            cut = _cut(weight[order])
            todo = [order[:cut], order[cut:], *todo]
        else:
            done.append(members)
    masks = [np.isin(np.arange(weight.size), members) for members in done]
    return masks + ([zeros] if zeros.any() else [])


def _cut(falling):
    """Where weights in falling order are cut: at half of their decades, or of their number."""
    middle = math.sqrt(falling[0]) * math.sqrt(falling[-1])
    cut = int(np.sum(falling >= middle))
    return cut if falling[-1] < falling[0] / 2 and 0 < cut < len(falling) else len(falling) // 2
