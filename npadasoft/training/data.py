"""From a text to numbered words: the most frequent word is class 0."""

from __future__ import annotations

import collections
import dataclasses
import gzip
import hashlib
import pathlib

import numpy as np

from npadasoft.planning.counts import WORD
from npadasoft.training.rdata import read_rdb

SHIPPED = pathlib.Path(__file__).parent / "text" / "austen.txt.gz"
UNKNOWN = "<unk>"


def read_text(path=None):
    """The text of a file: UTF-8, the same gzipped (.gz), or an R database (.rdb).

    Without a path, the text that ships with the package: see text/SOURCE.md.

    Raises
    ------
    ValueError
        If the file is not what its ending says.
    """
    path = SHIPPED if path is None else pathlib.Path(path)
    if path.suffix == ".rdb":
        return "\n".join(read_rdb(path).values())
    data = path.read_bytes()
    try:
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (UnicodeDecodeError, EOFError, OSError) as error:
        raise ValueError(f"{path} is not a UTF-8 text: {error}") from None


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """A text as class numbers, in two parts.

    T words to train on   C words of the vocabulary
    """

    words: tuple[str, ...]      # (C,) most frequent first
    counts: np.ndarray          # (C,) of the training part, never increasing
    train: np.ndarray           # (T,) class numbers
    held_out: np.ndarray        # the rest
    digest: str                 # of all that was read: a run is resumed on the same text only


def corpus(text, *, held_out=0.05, min_count=1):
    """Cut a text into lower-cased words and number them by frequency.

    Parameters
    ----------
    text : str
    held_out : float in (0, 1)
        The last part of the text, not trained on.
    min_count : int
        Rarer words become one class, `<unk>`.

    Returns
    -------
    Corpus

    Raises
    ------
    ValueError
        If the text is too short: fewer than 100 words, or fewer than 3 different ones.

    Notes
    -----
    The vocabulary is closed: it holds the words of both parts, ordered by their counts in the
    training part; a word that only the held-out part has stands at the end with count 0.

    Examples
    --------
    >>> c = corpus("to be or not to be that is the question " * 10, held_out=0.1)
    >>> c.words[:3], c.counts[:3].tolist(), len(c.train), len(c.held_out)
    (('be', 'to', 'is'), [18, 18, 9], 90, 10)
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out should be between 0 and 1, but found {held_out}")
    tokens = WORD.findall(text.lower())
    totals = collections.Counter(tokens)
    tokens = [word if totals[word] >= min_count else UNKNOWN for word in tokens]
    if len(tokens) < 100 or len(set(tokens)) < 3:
        raise ValueError(f"a text of at least 100 words, 3 of them different, is needed, but found "
                         f"{len(tokens)} and {len(set(tokens))}")
    cut = round(len(tokens) * (1 - held_out))
    counts = collections.Counter(tokens[:cut])
    words = tuple(sorted(set(tokens), key=lambda word: (-counts[word], word)))
    number = {word: i for i, word in enumerate(words)}
    ids = np.array([number[word] for word in tokens], dtype=np.int32)
    digest = hashlib.sha256(" ".join([str(cut), *tokens]).encode()).hexdigest()
    return Corpus(words, np.array([counts[w] for w in words]), ids[:cut], ids[cut:], digest)


def windows(ids, context):
    """Every place of a text with its past: (n, context) words and the (n,) words that follow.

    Examples
    --------
    >>> past, word = windows(np.arange(5), 3)
    >>> past.tolist(), word.tolist()
    ([[0, 1, 2], [1, 2, 3]], [3, 4])
    """
    if len(ids) <= context:
        raise ValueError(f"a context of {context} words needs more than {len(ids)} words")
    view = np.lib.stride_tricks.sliding_window_view(ids, context + 1)
    return view[:, :-1], view[:, -1]


class Batches:
    """Batches of places, shuffled anew in every epoch; batch `step` depends on the seed alone."""

    def __init__(self, n_places, size, seed):
        if not 1 <= size <= n_places:
            raise ValueError(f"batch should be between 1 and {n_places}, but found {size}")
        self.n_places, self.size, self.seed = n_places, size, seed
        self.per_epoch = n_places // size           # what is left over waits for another epoch
        self.epoch, self.order = -1, np.empty(0, dtype=np.int64)

    def __getitem__(self, step):
        epoch, n = divmod(step, self.per_epoch)
        if epoch != self.epoch:
            self.order = np.random.default_rng([self.seed, epoch]).permutation(self.n_places)
            self.epoch = epoch
        return self.order[n * self.size:(n + 1) * self.size]


def unigram_perplexity(corpus):
    """Perplexity on the held-out part of p(word) = (count + a) / (T + a C).

    Of twenty values of a, from 0.01 to 1, the one that is best on the held-out part itself: what
    is to be beaten is made as good as it can be.
    """
    def perplexity(a):
        log_p = np.log(corpus.counts + a) - np.log(len(corpus.train) + a * len(corpus.words))
        return float(np.exp(-log_p[corpus.held_out].mean()))
    return min(map(perplexity, np.geomspace(0.01, 1, 20)))
