"""The other end of a language model: an embedding cut by the cutoffs of the softmax.

    N indices   D features   C n_classes, cut at c_0 < c_1 < ... < c_J = C
    band 0: the classes below c_0, the short-list   band i + 1: the classes of tail i
    of a band:  N_b indices   O_b classes   H_b size of its vectors

Frequent classes have long vectors, rare ones short ones, and a projection of each band makes all
as long as the model wants them.  For class k at place r of band b

    output = scale · E_b[r] P_b                 E_b (O_b, H_b),  P_b (H_b, D)

where a band as wide as the model may do without P_b.  Backward, with g the rows of dL/d output
that read band b:

    dP_b = scale · E_b[r]ᵀ g        dE_b[r] = scale · Σ g P_bᵀ      over all that read class r

E_{i+1} and P_{i+1} have the shapes of the softmax's `tail.{i}.1.weight` and `tail.{i}.0.weight`,
and E_0 that of the first c_0 rows of `head.weight`: they may be the same arrays (`tying`).
[Baevski and Auli 2019, arXiv 1809.10853]

How the arrays of others map on these (i from 0; all of them cut as here):

    project           embedding of band i       projection of band i         scale
    fairseq           embeddings.{i}.0.weight   embeddings.{i}.1.weight.T    1
    Transformer-XL    emb_layers.{i}.weight     emb_projs.{i}.T              √D
    gluon-nlp         embed{i}_weight           inter_proj{i}_weight         √D, an option

fairseq projects band 0 always; Transformer-XL and gluon-nlp do so where div_val is not 1, or the
vectors are not as long as the model's.  With div_val 1 both have one table: cut it at the cutoffs,
the one projection, if any, in each band.  `npadasoft.interop.inputs` does it.  fairseq starts the
row of its padding_idx at 0 in every band; its padding is a class of band 0, and reads that row.
"""
import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from npadasoft import checks
from npadasoft.arrays import (Array, array_namespace, as_array, is_floating, is_host, result_type,
                              rounded, working_type)
from npadasoft.cutoffs import Cutoffs, divisor, integer, route
from npadasoft.parameters import Band, Bands


@dataclass(frozen=True, eq=False)
class InputCache:
    """What backward needs of a forward: Σ N_b H_b numbers, beside indices and weights."""

    rows: tuple[Any, ...]               # (N_b,) of each band: which indices read it
    places: tuple[Array, ...]           # (N_b,) of each band: which of its classes they read
    vectors: tuple[Array, ...]          # (N_b, H_b) those vectors
    parameters: Bands
    shape: tuple[int, ...]              # of index


class AdaptiveInput:
    """An embedding of many classes: long vectors for frequent ones, short ones for rare ones.

    Parameters
    ----------
    features : int
        D, length of what comes out.
    n_classes : int
        C, at least 2.  Classes are numbered from 0, the most frequent first.
    cutoffs : iterable of int
        First class of each band but the first; see `npadasoft.cutoffs.Cutoffs`.
    div_value : float, default 4.0
        Band b has vectors of int(H // div_value ** b) numbers.
    first_size : int, optional
        H, of band 0, which then has a projection.  By default H is D, and band 0 has none.
    padding_index : int, optional
        What reads as zeros and has no gradient, be it a class or not.
    scaled : bool, default False
        Whether the output is multiplied by √D.
    dtype : floating dtype, default float64
    rng : optional
        Seed or generator, as `numpy.random.default_rng` takes it.

    Attributes
    ----------
    parameters : Bands
        The weights, not copied: `bands[b].embedding`, `bands[b].projection`.

    Raises
    ------
    ValueError, TypeError
        For sizes, cutoffs, a divisor or a dtype that make no embedding.

    Notes
    -----
    Vectors start from a normal law of variance 1 / H_b, as fairseq's do, projections from one of
    variance 1 / D.

    Examples
    --------
    >>> embed = AdaptiveInput(8, 100, cutoffs=[10, 40], div_value=2.0, rng=0)
    >>> output, cache = embed.forward(np.array([[4, 12], [99, 4]]))
    >>> output.shape, bool((output[0, 0] == output[1, 1]).all())
    ((2, 2, 8), True)
    >>> grads = embed.backward(cache, np.ones((2, 2, 8)))
    >>> float(grads.bands[0].embedding[4, 0])       # class 4 was read twice
    2.0
    """

    def __init__(self, features, n_classes, cutoffs, div_value=4.0, *, first_size=None,
                 padding_index=None, scaled=False, dtype=np.float64, rng=None):
        self.features = integer("features", features, minimum=1)
        self._cutoffs = Cutoffs(cutoffs, n_classes)
        padding = padding_index
        self.padding_index = None if padding is None else integer("padding_index", padding)
        self.scaled = bool(scaled)
        first = self.features if first_size is None else integer("first_size", first_size, 1)
        dtype = np.dtype(dtype).newbyteorder("=")
        if not is_floating(dtype):
            raise TypeError(f"dtype should be a floating-point type, but found {dtype}")
        rng, bands = np.random.default_rng(rng), []
        for b, size in enumerate(_sizes(first, divisor(div_value), self._cutoffs.n_clusters)):
            vectors = rng.normal(0, size**-0.5, (self._classes(b), size)).astype(dtype)
            projected = b > 0 or first_size is not None
            shape = size, self.features
            bands.append(Band(vectors, rng.normal(0, self.features**-0.5, shape).astype(dtype)
                              if projected else None))
        self._parameters = Bands(tuple(bands))

    n_classes = property(lambda self: self._cutoffs.n_classes)
    cutoffs = property(lambda self: self._cutoffs.values)
    parameters = property(lambda self: self._parameters)

    @property
    def dtype(self):
        """The dtype in which the parameters meet."""
        return result_type(*(leaf.dtype for _, leaf in self._parameters.items()))

    def _classes(self, b):
        """O_b, the number of classes of band b."""
        return self._cutoffs.shortlist_size if b == 0 else self._cutoffs.cluster_size(b - 1)

    def with_parameters(self, parameters):
        """Another input with the same configuration and these weights, uncopied.

        Raises
        ------
        ValueError, TypeError
            If a shape, a precision or a library does not fit.  Sizes of bands are free, and so is
            whether one as wide as the model has a projection.
        """
        leaves = dict(parameters.items())
        xp = array_namespace(*leaves.values())
        if len(parameters.bands) != self._cutoffs.n_clusters + 1:
            raise ValueError(f"there should be {self._cutoffs.n_clusters + 1} bands, "
                             f"but found {len(parameters.bands)}")
        for b, band in enumerate(parameters.bands):
            size = band.embedding.shape[-1]
            wanted = {f"bands.{b}.embedding": (self._classes(b), size),
                      f"bands.{b}.projection": (size, self.features)}
            for path, shape in wanted.items():
                found = leaves[path].shape if path in leaves else (self.features,) * 2
                if found != shape:
                    raise ValueError(f"{path} should have shape {shape}, but found "
                                     f"{found if path in leaves else None}")
        for path, leaf in leaves.items():
            checks.floats(path, leaf, leaves["bands.0.embedding"].dtype, xp)
        other = copy.copy(self)
        other._parameters = parameters
        return other

    def __call__(self, index):
        """The output of `forward` alone."""
        return self.forward(index)[0]

    def forward(self, index):
        """The vector of each index.

        Parameters
        ----------
        index : integer array of any shape
            Classes in [0, n_classes), in any order, or `padding_index`.

        Returns
        -------
        (..., D) array
        InputCache
            For `backward`.

        Raises
        ------
        TypeError
            If the index holds no integers.
        ValueError
            If one is no class.

        Notes
        -----
        One transfer from the device.
        """
        parameters, dtype = self._parameters, self.dtype
        xp = array_namespace(index, parameters.bands[0].embedding)
        index = as_array(index, xp)
        if index.dtype.kind not in "iu":
            raise TypeError(f"index should hold integers, but found {index.dtype}")
        flat, wide = index.reshape(-1), working_type(dtype)
        routing = route(flat, self._cutoffs, self.padding_index, "Index")
        rows = (routing.shortlist, *routing.rows)
        places = (flat[rows[0]].astype(xp.int64), *routing.relative_target)
        parameters = parameters.map(lambda leaf: leaf.astype(wide if dtype == np.float16
                                                             else leaf.dtype, copy=False))
        vectors = tuple(band.embedding[place] for band, place in zip(parameters.bands, places))
        output = xp.zeros((flat.shape[0], self.features), dtype=wide)
        for band, row, vector in zip(parameters.bands, rows, vectors):
            output[row] = vector if band.projection is None else vector @ band.projection
        output = rounded(output * self._scale, dtype).reshape(*index.shape, self.features)
        return output, InputCache(rows, places, vectors, parameters, index.shape)

    @property
    def _scale(self):
        return self.features**0.5 if self.scaled else 1.0

    def backward(self, cache, grad_output):
        """Pull a gradient of the output back to the weights.

        Parameters
        ----------
        cache : InputCache
            What `forward` returned beside its output.  It is not consumed.
        grad_output : (..., D) array
            dL/d output.

        Returns
        -------
        Bands
            Of full shape, zeros where nothing was read.

        Raises
        ------
        ValueError, TypeError
            If `grad_output` does not have the shape or precision of the output.

        Notes
        -----
        What reads the same class is added up in pairs, in an order that depends on the indices
        alone.  No transfer from the device.
        """
        dtype = self.dtype
        xp = array_namespace(cache.vectors[0])
        grad = checks.upstream("grad_output", grad_output, "output",
                               (*cache.shape, self.features), dtype, xp)
        grad = grad.reshape(-1, self.features) * self._scale                # (N, D)
        dtype = grad.dtype if grad.dtype.kind == "c" else dtype
        bands = []
        for band, rows, places, vectors in zip(cache.parameters.bands, cache.rows, cache.places,
                                               cache.vectors):
            g, dprojection = grad[rows], None                               # (N_b, D)
            if band.projection is not None:
                g, dprojection = g @ band.projection.T, vectors.T @ g       # (N_b, H_b), (H_b, D)
            bands.append(Band(segment_sum(g, places, band.embedding.shape[0]), dprojection))
        return Bands(tuple(bands)).map(lambda leaf: rounded(leaf, dtype))


def segment_sum(values, places, n):
    """Row r of the result is the sum of the values (N, H) whose place is r: (n, H).

    Sorted by place, equal ones side by side; then each adds its neighbour at distance 1, 2, 4, ...
    of the same place, so that the first of each place ends with the sum, as a tree adds it.  No
    array is written twice at one index, as CuPy would want it to be.
    """
    xp = array_namespace(values, places)
    size = values.shape[0]
    if size == 0:
        return xp.zeros((n, values.shape[1]), dtype=values.dtype)
    order = xp.argsort(places, kind="stable")
    values, places = values[order], places[order]
    rank = xp.arange(size) - xp.searchsorted(places, places, side="left")   # among its equals
    step = 1
    while step < size:
        pair = (places[step:] == places[:-step]) & (rank[:-step] % (2 * step) == 0)
        if is_host(xp) and not pair.any():
            break
        values[:-step] += xp.where(pair[:, None], values[step:], 0)
        step *= 2
    classes = xp.arange(n)
    first = xp.searchsorted(places, classes, side="left")                   # (n,)
    first = xp.where(first < size, first, 0)
    return xp.where((places[first] == classes)[:, None], values[first], 0)


def _sizes(first, div_value, n_tails):
    """Length of the vectors of each band: int(first // div_value ** b) in floats, at least 1."""
    sizes = []
    for b in range(n_tails + 1):
        try:
            size = int(first // div_value ** b)
        except (OverflowError, ZeroDivisionError, ValueError):
            size = -1
        if size < 1:
            raise ValueError(f"band {b} should have vectors of at least 1 number, but found "
                             f"{first} // {div_value}**{b}")
        sizes.append(size)
    return sizes
