"""What is run: sizes of well-known settings, targets from a Zipf law, the layer's own start."""
from dataclasses import dataclass

import numpy as np

from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss


@dataclass(frozen=True)
class Workload:
    """Sizes of one setting."""

    name: str
    in_features: int
    n_classes: int
    cutoffs: tuple[int, ...]
    batch: int
    stands_for: str

    def layer(self, dtype):
        """The layer with the weights it starts from."""
        return AdaptiveLogSoftmaxWithLoss(self.in_features, self.n_classes, self.cutoffs,
                                          dtype=dtype, rng=0)

    def examples(self, dtype):
        """Inputs from N(0, 1) (N, D), and targets from a Zipf law over the classes (N,)."""
        rng = np.random.default_rng(1)
        x = rng.standard_normal((self.batch, self.in_features)).astype(dtype)
        mass = np.cumsum(1 / np.arange(1, self.n_classes + 1))
        y = np.searchsorted(mass, rng.random(self.batch) * mass[-1], side="right")
        return x, np.minimum(y, self.n_classes - 1)


WORKLOADS = {w.name: w for w in (
    Workload("ptb", 200, 10_000, (1_000, 4_000), 700, "Penn Treebank, 35 x 20"),
    Workload("text8", 512, 44_000, (2_000, 10_000), 2_560, "the paper's setting, 128 x 20"),
    Workload("wikitext103", 1_024, 267_735, (20_000, 60_000, 200_000), 1_024,
             "Transformer-XL's vocabulary"),
    Workload("llm128k", 2_048, 128_256, (8_000, 32_000), 1_024, "a present-day vocabulary"),
    Workload("million", 512, 1_000_000, (4_000, 40_000, 200_000), 4_096,
             "memory must not follow classes x batch"),
    Workload("tiny", 16, 200, (20, 80), 32, "a test of this command"),
)}


def leaving(x, layer, share):
    """Inputs of which exactly the first `share` of the rows choose a tail's column in the head.

    Every row is moved against the columns of the tails until a class wins, the chosen along one.
    """
    columns = layer.parameters.head.weight[layer.shortlist_size:].astype(np.float64)    # (J, D)
    x = x.astype(np.float64)
    solve = np.linalg.pinv(columns).T                                   # columns @ solve.T = 1
    top = np.abs(x @ layer.parameters.head.weight.T.astype(np.float64)).max(axis=1)
    moved = x - (x @ columns.T) @ solve - (1 + top)[:, None] * solve.sum(axis=0)
    n = int(share * len(x))
    which = np.arange(n) % layer.n_clusters
    moved[:n] = x[:n] + (1 + 2 * top[:n])[:, None] * solve[which]
    return moved.astype(layer.dtype)
