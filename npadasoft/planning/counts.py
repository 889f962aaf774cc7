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


def text_words(text, name="the text"):
    """Each different lower-cased word of a text and its count, in the order of first sight.

    Examples
    --------
    >>> words, counts = text_words("The cat and the dog.")
    >>> words, counts.tolist()
    (['the', 'cat', 'and', 'dog'], [2.0, 1.0, 1.0, 1.0])
    """
    found = collections.Counter(WORD.findall(text.lower()))
    if len(found) < 2:
        raise ValueError(f"{name} should have at least 2 different words, but has {len(found)}")
    return list(found), np.array(list(found.values()), dtype=np.float64)


def text_counts(text):
    """Counts of the lower-cased words of a text, most frequent first.

    Examples
    --------
    >>> text_counts("The cat and the dog.").tolist()
    [2.0, 1.0, 1.0, 1.0]
    """
    return descending(text_words(text)[1])


def read_counts(lines, name="counts"):
    """The class and the count of each line `count` or `word count`; blank lines are skipped.

    Parameters
    ----------
    lines : iterable of str
    name : str
        What an error message calls the source.

    Returns
    -------
    classes : list of str
        The word; where there is none the number of the line, from 0, among those not blank.
    counts : (n,) float64 array
        In the order of the lines.

    Raises
    ------
    ValueError
        If the last field of a line is no finite number of at least 0, if there are not two classes,
        or if all counts are 0; the message names the source, and the line.

    Examples
    --------
    >>> classes, counts = read_counts(["New York 7", "of\\t9"])
    >>> classes, counts.tolist()
    (['New York', 'of'], [7.0, 9.0])
    """
    classes: list[str] = []
    counts: list[float] = []
    for number, line in enumerate(lines, 1):
        word, count = _fields(line)
        if not count:
            continue
        try:
            counts.append(float(count))
        except ValueError:
            raise ValueError(f"{name}, line {number}: expected `count` or `word count`, "
                             f"but found {line.strip()[:60]!r}") from None
        if not 0 <= counts[-1] < np.inf:
            raise ValueError(f"{name}, line {number}: a count should be finite and at least 0, "
                             f"but found {count}")
        classes.append(word or str(len(classes)))
    if len(counts) < 2:
        raise ValueError(f"{name} should have a count of each class, one a line and at least 2, "
                         f"but has {('none', 'one')[len(counts)]}")
    if not any(counts):
        raise ValueError(f"{name} has no class with a count above 0")
    return classes, np.array(counts)


def _fields(line):
    """The word of a line, and its last field."""
    *words, count = line.rsplit(maxsplit=1) or [""]
    return "".join(words).strip(), count.strip()


def parse_counts(lines, name="counts"):
    """The counts that `read_counts` reads, most frequent first.

    Examples
    --------
    >>> parse_counts(["the 7", "of\\t9"]).tolist()
    [9.0, 7.0]
    """
    return descending(read_counts(lines, name)[1])


def by_frequency(counts):
    """The old number of each class when the classes are numbered anew, most frequent first.

    Equally frequent classes keep their order.

    Examples
    --------
    >>> by_frequency([1, 5, 3, 5]).tolist()
    [1, 3, 2, 0]
    """
    return np.argsort(-np.asarray(counts, dtype=np.float64), kind="stable")
