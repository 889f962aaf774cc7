"""The language model on an adaptive input, whose arrays may be those of the softmax.

    N rows   n context   D hidden, and the length of a word's vector   C words

    F = [input(c₁), ..., input(cₙ)]  (N, nD)      S = tanh(F Wᵀ + b)  (N, D)      softmax(S, target)

Classes are cut alike on both sides, so that an embedding of band i + 1 has the shape of tail i's
output matrix, and its projection that of tail i's.  [Baevski and Auli 2019, arXiv 1809.10853]
"""

from __future__ import annotations

import numpy as np

from npadasoft.adaptive_input import AdaptiveInput
from npadasoft.training.model import Model
from npadasoft.tying import shared, tied


class InputModel(Model):
    """The model with an adaptive input.

    Parameters
    ----------
    context : int
    softmax : AdaptiveLogSoftmaxWithLoss
        Of D features.
    is_tied : bool
        Whether the input holds the softmax's own arrays: embeddings and projections.
    dtype, rng
        As for `Model`.
    """

    def __init__(self, context, softmax, is_tied, *, dtype=np.float32, rng=None):
        rng, D = np.random.default_rng(rng), softmax.in_features
        bound = (context * D) ** -0.5
        self.weight = rng.uniform(-bound, bound, (D, context * D)).astype(dtype)
        self.bias = np.zeros(D, dtype=dtype)
        self.input = AdaptiveInput(D, softmax.n_classes, softmax.cutoffs[:-1], softmax.div_value,
                                   scaled=True, dtype=dtype, rng=rng)
        self.softmax, self.context, self.is_tied = softmax, context, is_tied
        if is_tied:
            self.input = shared(self.input, softmax.parameters)

    def named(self):
        """All arrays by name, each once; they are the model's own."""
        return {"hidden.weight": self.weight, "hidden.bias": self.bias,
                **self._leaves(self.softmax.parameters, self.input.parameters)}

    def _leaves(self, softmax, bands):
        """Those of both trees by name; of shared ones the softmax's stands for both."""
        own = {} if self.is_tied else {f"input.{path}": leaf for path, leaf in bands.items()}
        return own | {f"softmax.{path}": leaf for path, leaf in softmax.items()}

    def hidden(self, past):
        """F (N, nD) and S (N, D) of words (N, n)."""
        features = self.input(past).reshape(len(past), -1)
        return features, np.tanh(features @ self.weight.T + self.bias)

    def loss_and_gradients(self, past, word):
        """Mean of -log p(word | past), and the gradient for every name of `named`."""
        vectors, cache = self.input.forward(past)                   # (N, n, D)
        features = vectors.reshape(len(past), -1)
        state = np.tanh(features @ self.weight.T + self.bias)
        loss, (dstate, softmax) = self.softmax.loss_and_gradients(state, word)
        da = dstate * (1 - state * state)                           # (N, D)
        bands = self.input.backward(cache, (da @ self.weight).reshape(vectors.shape))
        if self.is_tied:
            softmax, bands = tied(softmax, bands)
        return loss, {"hidden.weight": da.T @ features, "hidden.bias": da.sum(0),
                      **self._leaves(softmax, bands)}
