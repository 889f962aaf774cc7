"""Of a gradient that is nearly right: how many of its digits are, which is said before all else."""
import numpy as np

CLOSE = 4           # digits that agree, and are worth saying
ALL_BUT = 5         # digits, that come before any pattern of the rest


def digits_of(it):
    """How many digits agree, at the worst of the elements that are wrong."""
    size = np.maximum(np.abs(it.n), np.abs(it.g))
    part = np.max(np.abs(it.g - it.n)[it.wrong] / size[it.wrong], initial=0.0)
    return int(-np.log10(part)) if part > 0 else 0


def agree(c):
    """How many digits two numbers share of which one is c times the other."""
    return int(-np.log10(abs(c - 1))) if c != 1 else 15


def digits_first(hint, digits, least):
    """Of a gradient that is right to so many digits that is said first, and the pattern then.

    Where one element or two hold the difference it has a place; all else that small may have come
    about in any way.
    """
    if digits < least:
        return hint
    right = f"yours is right to {digits} digits"
    if hint["kind"] in ("single", "pair"):
        return {**hint, "text": f"{right}: {hint['text']}"}
    text = (f"{right}: a small constant in f, an iteration stopped early, an approximation? "
            f"({hint['text']})")
    if hint["kind"] in ("factor", "offset"):
        return {**hint, "text": text}
    return {"kind": "digits", "value": digits, "text": text}
