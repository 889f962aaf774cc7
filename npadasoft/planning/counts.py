"""Where class counts come from: a file of counts, a text, or a Zipf law.

Counts come out sorted, most frequent first, which is the order that a class index must have in this
layer.
"""

from __future__ import annotations

import collections
import re

import numpy as np

# letters, with inner apostrophes: don't, o'er
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def descending(counts):
    """Check class counts and sort them, most frequent first.

    Parameters
    ----------
    counts : (n,) array_like
        How often each class occurs; any positive scale, zeros allowed.

    Returns
    -------
    (n,) float64 array

    Raises
    ------
    ValueError
        If there are fewer than two classes, or a count is negative or not finite, or all are zero.

    Examples
    --------
    >>> descending([1, 5, 3]).tolist()
    [5.0, 3.0, 1.0]
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 1 or counts.size < 2:
        raise ValueError(f"counts should be at least 2 numbers, but found shape {counts.shape}")
    if not np.isfinite(counts).all() or counts.min() < 0:
        bad = counts[~np.isfinite(counts) | (counts < 0)][0]
        raise ValueError(f"counts should be finite and at least 0, but found {bad}")
    if not counts.any():
        raise ValueError("counts should not all be 0")
    return np.sort(counts)[::-1]


def zipf_counts(n_classes, exponent=1.0):
    """Counts of a Zipf law, rank ** -exponent.

    Examples
    --------
    >>> zipf_counts(4).round(2).tolist()
    [1.0, 0.5, 0.33, 0.25]
    """
    if n_classes < 2:
        raise ValueError(f"a Zipf law needs at least 2 classes, but found {n_classes}")
    return np.arange(1, n_classes + 1, dtype=np.float64) ** -float(exponent)


def text_counts(text):
    """Counts of the lower-cased words of a text.

    Examples
    --------
    >>> text_counts("The cat and the dog.").tolist()
    [2.0, 1.0, 1.0, 1.0]
    """
    words = collections.Counter(WORD.findall(text.lower()))
    return descending(list(words.values()))


def parse_counts(lines, name="counts"):
    """Counts from lines of `count` or `word count`; blank lines are skipped.

    Parameters
    ----------
    lines : iterable of str
    name : str
        What an error message calls the source.

    Raises
    ------
    ValueError
        If the last field of a line is not a number; it names the line.

    Examples
    --------
    >>> parse_counts(["the 7", "of\\t9"]).tolist()
    [9.0, 7.0]
    """
    counts = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        try:
            counts.append(float(fields[-1]))
        except ValueError:
            raise ValueError(f"{name}, line {number}: expected `count` or `word count`, "
                             f"but found {line.strip()[:60]!r}") from None
    return descending(counts)
