"""The blocked pass as a port of its own: blocks of one row, of three rows, and cut in classes.

`loss_and_gradients` answers wherever a case asks for the gradient of the loss alone.  Other
cotangents go through the same blocks (`fused.backpropagate`), which take any gradient of `output`.
"""
from contextlib import contextmanager

import numpy as np

from npadasoft import adaptive, fused
from npadasoft._version import __version__
from npadasoft.conformance.ports.ours import Ours, named
from npadasoft.conformance.wire.messages import DTYPES, PortInfo
from npadasoft.cutoffs import route


class Blocked(Ours):
    """Blocks as the least memory that is allowed gives them."""

    info = PortInfo("npadasoft, blocked", __version__, "python", dtypes=DTYPES[:3])
    rows: int | None = None             # of a block; None: as `memory` has it
    classes: int | None = None

    def forward(self, layer, input, target, want):
        output, loss = layer(input, target)
        blocked, _ = self._pass(layer, input, target, np.zeros(np.size(target)))
        with _blocks(self.rows, self.classes):
            loss, _ = layer.loss_and_gradients(input, target, memory=_least(layer))
        return {"output": blocked.reshape(np.shape(output)), "loss": loss}

    def backward(self, layer, input, target, cotangents, want):
        if set(cotangents) == {"loss"} and not np.ndim(cotangents["loss"]):
            with _blocks(self.rows, self.classes):
                _, gradients = layer.loss_and_gradients(input, target, memory=_least(layer))
            return {name: cotangents["loss"] * array for name, array in named(gradients).items()}
        _, cache = layer.forward(input, target)
        q = layer._upstream(cache, cotangents.get("output"), cotangents.get("loss", 0.0))
        return named(self._pass(layer, input, target, q)[1])

    def _pass(self, layer, input, target, q):
        """Log-probability of each target, and the gradients of Σ q · output, in blocks."""
        x, y, parameters, dtype = layer._examples(input, target)
        routing = route(y.reshape(-1), layer._cutoffs, layer.ignore_index)
        dx = np.empty(x.shape, x.dtype)
        tree = parameters.map(lambda leaf: np.empty(leaf.shape, x.dtype))
        with _blocks(self.rows, self.classes):
            output = fused.backpropagate(adaptive._parts(routing, parameters), x,
                                         q.astype(x.dtype), _least(layer), dx,
                                         adaptive._leaves(tree))
        return output, layer._result(dx, tree, y.shape, dtype)


class OneRow(Blocked):
    """Blocks of one row."""

    rows = 1


class ThreeRows(Blocked):
    """Blocks of three rows."""

    rows = 3


class Cut(Blocked):
    """Blocks of two rows and two classes: logits are computed twice."""

    rows = classes = 2


def _least(layer):
    """The smallest `memory` that every softmax of the layer can be computed in."""
    d, wide = layer.in_features, max(layer.dtype.itemsize, 4)
    beside = max([3 * d, *(2 * d + 3 * h for h in layer.hidden_sizes)]) + 8
    return 8 * wide * (beside + 1)


@contextmanager
def _blocks(rows, classes):
    """Blocks of so many rows and classes, whatever the memory."""
    cut = fused._cut

    def forced(part, d, budget):
        n, (k, h) = part.index.shape[0], part.weight.shape
        r, c = min(rows, n), min(classes or k, k)
        return r, c, max(d, h), r * c

    fused._cut = forced if rows else cut
    try:
        yield
    finally:
        fused._cut = cut
