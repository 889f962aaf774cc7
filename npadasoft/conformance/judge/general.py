"""A message or a name without what differs from case to case, so that one cause is one text."""
import re
from functools import lru_cache

from npadasoft.conformance.wire.strict_json import AS_IN


@lru_cache(maxsize=4096)
def general(text):
    """A message or a name without what differs from case to case: numbers, and where it is.

    Examples
    --------
    >>> general("tail.3.hidden"), general("index 12 is out of bounds for size 7")
    ('tail.*.hidden', 'index # is out of bounds for size #')
    """
    text = text.partition(AS_IN)[0]
    text = re.sub(r"\b(tail|grad\.tail)\.\d+\.", r"\1.*.", text)
    text = re.sub(r"(?<=not answered: )[^ ,]+(, [^ ,]+)*", _together, text)
    text = re.sub(r"\(answered instead: ([^,)]*), [^)]*\)", r"(answered instead: \1, ...)", text)
    text = re.sub(r"(?<![\w.*])-?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?", "#", text)
    return re.sub(r"\[#(, #)+\]", "[#]", text)


def _together(found):
    """Names, each once; many gradients are all of them, whatever a case has."""
    names = list(dict.fromkeys(found[0].split(", ")))
    gradients = [name for name in names if name.startswith("grad.")]
    if len(gradients) > 2:
        names = [*(name for name in names if name not in gradients), "grad.*"]
    return ", ".join(names)
