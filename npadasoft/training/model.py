"""A feed-forward language model: n words in, the next one out.

    N rows   n context   E embedding   H hidden   C words

    F = [emb[c₁], ..., emb[cₙ]]  (N, nE)      A = F Wᵀ + b,  S = tanh A  (N, H)
    loss = softmax(S, target)

    dA = dS (1 - S²)      dF = dA W,  dW = dAᵀ F,  db = Σ dA      demb[w] = Σ of dF where cᵢ = w

[Bengio et al. 2003, "A neural probabilistic language model"; here without direct connections.]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """A gradient that is zero but in some rows."""

    rows: np.ndarray        # (m,) none twice
    values: np.ndarray      # (m, E)


class Model:
    """The model on top of which a softmax stands.

    Parameters
    ----------
    n_words, context, embedding, hidden : int
        C, n, E and H.
    softmax : AdaptiveLogSoftmaxWithLoss or FullSoftmax
        Of H features and C classes.
    dtype : floating dtype
    rng : seed or Generator
    """

    def __init__(self, n_words, context, embedding, hidden, softmax, *, dtype=np.float32, rng=None):
        rng = np.random.default_rng(rng)
        bound = (context * embedding) ** -0.5
        self.embedding = rng.uniform(-0.5, 0.5, (n_words, embedding)).astype(dtype)
        self.weight = rng.uniform(-bound, bound, (hidden, context * embedding)).astype(dtype)
        self.bias = np.zeros(hidden, dtype=dtype)
        self.softmax = softmax
        self.context = context

    def named(self):
        """All arrays by name; they are the model's own."""
        return {"embedding": self.embedding, "hidden.weight": self.weight,
                "hidden.bias": self.bias,
                **{f"softmax.{name}": leaf for name, leaf in self.softmax.parameters.items()}}

    def hidden(self, past):
        """F (N, nE) and S (N, H) of words (N, n)."""
        features = self.embedding[past].reshape(len(past), -1)
        return features, np.tanh(features @ self.weight.T + self.bias)

    def log_prob(self, past, word):
        """log p(word | past): (N,), nats."""
        return self.softmax(self.hidden(past)[1], word).output

    def loss_and_gradients(self, past, word):
        """Mean of -log p(word | past), and the gradient for every name of `named`."""
        features, state = self.hidden(past)
        loss, (dstate, softmax) = self.softmax.loss_and_gradients(state, word)
        da = dstate * (1 - state * state)                           # (N, H)
        dfeatures = da @ self.weight                                # (N, nE)
        return loss, {
            "embedding": _rows(past, dfeatures),
            "hidden.weight": da.T @ features,
            "hidden.bias": da.sum(0),
            **{f"softmax.{name}": leaf for name, leaf in softmax.items()}}


def _rows(past, dfeatures):
    """Sum the gradients of every occurrence of a word: Rows."""
    words = past.ravel()                                            # (Nn,)
    order = np.argsort(words, kind="stable")
    rows, first = np.unique(words[order], return_index=True)
    values = dfeatures.reshape(len(words), -1)[order]               # (Nn, E)
    return Rows(rows, np.add.reduceat(values, first, axis=0))
