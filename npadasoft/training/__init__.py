"""A small language model on real text, to see what the adaptive softmax saves and what it costs.

    data.py        a text becomes class numbers, the most frequent word first
    rdata.py       a text out of an R package
    model.py       n words in, one hidden layer, the next word out; the backward pass by hand
    tied.py        the same on an adaptive input, whose arrays may be the softmax's
    full.py        the full softmax, to compare with
    optimiser.py   Adagrad
    checkpoint.py  one file, written whole or not at all, never unpickled
    run.py         one model per softmax, from one seed, on the same batches
    progress.py    the line that shows how far it is
    command.py     `npadasoft train`
    text/          three novels by Jane Austen; their source and licence beside them
"""

from npadasoft.training.data import Corpus, corpus, read_text, unigram_perplexity
from npadasoft.training.full import FullSoftmax
from npadasoft.training.model import Model
from npadasoft.training.optimiser import Adagrad
from npadasoft.training.run import Run, Settings

__all__ = ["Adagrad", "Corpus", "FullSoftmax", "Model", "Run", "Settings", "corpus", "read_text",
           "unigram_perplexity"]
