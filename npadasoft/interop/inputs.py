"""Weights of other projects' adaptive inputs, as the `Bands` of an `AdaptiveInput`.

    D features of the model   H length of a band's vectors   O its classes

No number changes.  Transformer-XL and Hugging Face's copy of it multiply by √D: `scaled=True`.
"""
import numpy as np

from npadasoft.interop.layouts import count, nothing_left
from npadasoft.parameters import Band, Bands


def from_fairseq_input(weights):
    """From fairseq's `AdaptiveInput`: `embeddings.{i}.0.weight`, `embeddings.{i}.1.weight` (D, H).

    Its padding is a class that reads its row, which training leaves at 0: no `padding_index`.

    Examples
    --------
    >>> bands = from_fairseq_input({"embeddings.0.0.weight": np.ones((3, 4)),
    ...     "embeddings.0.1.weight": np.ones((4, 4)), "embeddings.1.0.weight": np.ones((5, 2)),
    ...     "embeddings.1.1.weight": np.ones((4, 2))})
    >>> [(path, leaf.shape) for path, leaf in bands.items()][2:]
    [('bands.1.embedding', (5, 2)), ('bands.1.projection', (2, 4))]
    """
    rest = dict(weights)
    rest.pop("_float_tensor", None)
    bands = [Band(_take(rest, f"embeddings.{i}.0.weight"),
                  _take(rest, f"embeddings.{i}.1.weight").T.copy())
             for i in range(count(rest, "embeddings.{}.0.weight"))]
    nothing_left(rest, "fairseq")
    return Bands(tuple(bands))


def from_transfo_xl_input(weights, cutoffs=None):
    """From Transformer-XL's and Hugging Face's `AdaptiveEmbedding`.

    Parameters
    ----------
    weights : mapping
        `emb_layers.{i}.weight` and `emb_projs.{i}` (D, H) where there are any.
    cutoffs : sequence of int
        Needed with div_val 1 only, where one table holds all classes.
    """
    return _bands(weights, "emb_layers.{}.weight", "emb_projs.{}", cutoffs, np.transpose)


def from_gluon_nlp_input(weights, cutoffs=None):
    """From gluon-nlp's `AdaptiveEmbedding`: `embed{i}_weight`, `inter_proj{i}_weight` (H, D)."""
    return _bands(weights, "embed{}_weight", "inter_proj{}_weight", cutoffs, np.asarray)


def _bands(weights, table, projection, cutoffs, turn):
    rest = dict(weights)
    tables = [_take(rest, table.format(i)) for i in range(count(rest, table))]
    projections: list = [np.array(turn(_take(rest, projection.format(i))), order="C")
                         for i in range(count(rest, projection))] or [None] * len(tables)
    nothing_left(rest, "the adaptive input's")
    if len(tables) == 1:
        if cutoffs is None:
            raise ValueError(f"with div_val 1 one table holds all {len(tables[0])} classes: "
                             "cutoffs= must name the cuts")
        tables = np.split(tables[0], list(cutoffs))
        projections = projections * len(tables)
    if len(tables) != len(projections):
        raise ValueError(f"{len(tables)} tables, but {len(projections)} projections")
    return Bands(tuple(map(Band, tables, projections)))


def _take(rest, name):
    if name not in rest:
        raise ValueError(f"there is no {name!r}, but {sorted(map(str, rest))[:8]}")
    return np.asarray(rest.pop(name))
