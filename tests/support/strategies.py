"""What makes inputs: Hypothesis draws the structure of a problem, a seed its values.

A `Problem` is plain data: print it, paste it into an `@example`, and it is the same problem again.
`on_problems` is the decorator of a law: it runs the law on `ALWAYS`, the shapes that break layers,
and then on what Hypothesis draws.
"""
import dataclasses
import warnings
from dataclasses import dataclass

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from npadasoft import AdaptiveLogSoftmaxWithLoss

LAYOUTS = ("C", "F", "every other row", "reversed", "read-only", "big-endian")


@dataclass(frozen=True)
class Problem:
    """A layer, a batch and a pair of upstream gradients.

    `cutoffs` ends with the number of classes.  `used` are the clusters that may hold a target (0 is
    the short-list), None for all.  `ignored` is the share of the rows that do not count.  `scale`
    multiplies the logits' usual size.
    """

    in_features: int = 5
    cutoffs: tuple = (3, 5, 9, 16)
    div_value: float = 2.0
    head_bias: bool = True
    tail_bias: bool = False
    n: int = 7
    used: tuple | None = None
    ignored: float = 0.0
    reduction: str = "mean"
    scale: float = 2.0
    layout: str = "C"
    dtype: str = "float64"
    seed: int = 0

    IGNORE = -100

    @property
    def n_classes(self):
        return self.cutoffs[-1]

    @property
    def shape(self):
        """(N, D)."""
        return self.n, self.in_features

    def rng(self, name):
        """Random numbers for the part `name`, the same ones each time."""
        return np.random.default_rng([self.seed, *name.encode()])

    def layer(self, **options):
        """The layer, its weights drawn."""
        options = {"reduction": self.reduction, "dtype": self.dtype, "rng": self.rng("weights"),
                   "ignore_index": self.IGNORE if self.ignored else None, **options}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "tail . has hidden size 0")
            layer = AdaptiveLogSoftmaxWithLoss(
                self.in_features, self.n_classes, self.cutoffs[:-1], self.div_value,
                self.head_bias, tail_bias=self.tail_bias, **options)
        return layer.with_parameters(layer.parameters.map(lambda w: w * self.scale))

    def input(self):
        """(N, D) in the drawn memory layout."""
        x = self.rng("input").standard_normal(self.shape).astype(self.dtype)
        return arranged(x, self.layout)

    def target(self):
        """(N,) classes in mixed order."""
        rng = self.rng("target")
        edges = (0, *self.cutoffs)
        used = range(len(self.cutoffs)) if self.used is None else self.used
        classes = np.concatenate([np.arange(edges[i], edges[i + 1]) for i in used])
        y = rng.choice(classes, self.n)
        return np.where(rng.random(self.n) < self.ignored, self.IGNORE, y)

    def upstream(self):
        """(dL/d output (N,), dL/d loss), far from uniform."""
        rng = self.rng("upstream")
        grad_output = arranged(rng.standard_normal(self.n).astype(self.dtype), self.layout)
        if self.reduction == "none":
            return grad_output, rng.standard_normal(self.n).astype(self.dtype)
        return grad_output, float(np.asarray(rng.standard_normal(), dtype=self.dtype))


def arranged(a, layout):
    """The values of `a` in another memory layout."""
    if layout == "F":
        return np.asfortranarray(a)
    if layout == "every other row":
        return np.repeat(a, 2, axis=0)[::2]
    if layout == "reversed":
        return a[::-1].copy()[::-1]
    if layout == "read-only":
        a = a.copy()
        a.flags.writeable = False
        return a
    return a.astype(a.dtype.newbyteorder(">")) if layout == "big-endian" else a


ALWAYS = (
    Problem(n=1),
    Problem(n=6),                                       # N = K = 3 + 3
    Problem(n=0),
    Problem(n=9, used=(0, 2), ignored=0.3),             # clusters 1 and 3 unused
    Problem(in_features=4, div_value=4.0, n=5),         # hidden sizes 1, 0, 0
    Problem(in_features=1, cutoffs=(1, 2, 3, 4), div_value=1.0, head_bias=False),   # one class each
    Problem(n=4, ignored=1.0),                          # no row counts
    Problem(n=5, used=(3,), reduction="none", scale=12.0),
    Problem(in_features=4, div_value=4.0, n=9, tail_bias=True),     # biases alone in tails 1 and 2
)


@st.composite
def problems(draw, **fixed):
    """Problems of a few rows and classes; `fixed` fields are as given."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    cutoffs = fixed.get("cutoffs", tuple(np.cumsum(sizes).tolist()))
    clusters = st.sets(st.integers(0, len(cutoffs) - 1), min_size=1)
    drawn = {
        "in_features": draw(st.integers(1, 9)),
        "cutoffs": cutoffs,
        "div_value": draw(st.sampled_from([1.0, 1.5, 2.0, 4.0, 0.5])),
        "head_bias": draw(st.booleans()),
        "tail_bias": draw(st.booleans()),
        "n": draw(st.integers(0, 9)),
        "used": draw(st.none() | clusters.map(lambda s: tuple(sorted(s)))),
        "ignored": draw(st.sampled_from([0.0, 0.0, 0.3])),
        "reduction": draw(st.sampled_from(["mean", "sum", "none"])),
        "scale": draw(st.sampled_from([2.0, 0.01, 10.0, 100.0])),
        "layout": draw(st.sampled_from(LAYOUTS)),
        "dtype": draw(st.sampled_from(["float64", "float64", "float32"])),
        "seed": draw(st.integers(0, 2**16)),
    }
    return Problem(**{**drawn, **fixed})


def random_problem(seed, small=False):
    """For comparisons with a peer: 2 to 5 tails, mixed unsorted targets, a bias in half of them.

    No larger scale: a lone confident row makes a tensor all of whose values err by gap · u, however
    they are computed.  Those are judged by their own bound, in `test_accuracy`.
    """
    rng = np.random.default_rng([seed, 2])
    n_tails, top = 2 + seed % 4, 16 if small else int(rng.integers(50, 2001))
    cuts = np.sort(rng.choice(np.arange(1, top), n_tails, replace=False))
    return Problem(in_features=int(rng.integers(2, 5 if small else 65)),
                   cutoffs=(*cuts.tolist(), top), div_value=float(rng.choice([1.5, 2.0, 4.0])),
                   head_bias=bool(seed // 4 % 2), tail_bias=bool(seed // 8 % 2),
                   n=int(rng.integers(1, 4 if small else 101)),
                   scale=float(rng.choice([1.0, 3.0])), seed=seed)


def on_problems(max_examples=15, **fixed):
    """Decorate a law with the argument `problem`."""
    def decorate(law):
        law = given(problem=problems(**fixed))(law)
        for problem in reversed(ALWAYS):
            law = example(problem=dataclasses.replace(problem, **fixed))(law)
        return settings(max_examples=max_examples, deadline=None, derandomize=True,
                        database=None)(law)
    return decorate
