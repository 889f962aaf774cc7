"""A softmax and an input that hold the same arrays: tied weights.

Nothing new is computed.  `shared` puts arrays of the softmax into the input, `tied` adds up the two
gradients of each such array; a step that moves the softmax's array moves the input's, if it is made
in place, and else `shared` is called again.

What may be the same, of a softmax whose tails have H_i hidden units and D features:

    embedding of band 0         the first c_0 rows of `head.weight`         (c_0, D)
    embedding of band i + 1     `tail.{i}.1.weight`                         (O_i, H_i)
    projection of band i + 1    `tail.{i}.0.weight`                         (H_i, D)

The rows of `head.weight` for the tails stay the softmax's own.  fairseq ties embeddings by
`tie_adaptive_weights` and projections by `tie_adaptive_proj`, Transformer-XL by `tie_weight` and
`tie_projs`.  [Press and Wolf 2017, arXiv 1608.05859; Baevski and Auli 2019, arXiv 1809.10853; Dai
et al. 2019, arXiv 1901.02860]
"""
from dataclasses import replace

from npadasoft.arrays import array_namespace
from npadasoft.parameters import Bands, Cluster, Linear, Parameters


def shared(input, parameters, *, embeddings=True, projections=True):
    """An input that holds arrays of the softmax's tree `parameters`: tied weights.

    Parameters
    ----------
    input : AdaptiveInput
        Of the same cutoffs and features as the layer.
    parameters : Parameters
        Of the layer.
    embeddings : bool
        E_0 is the first rows of `head.weight` (a view: the columns of the tails stay apart),
        E_{i+1} is `tail.{i}.1.weight`.
    projections : bool
        P_{i+1} is `tail.{i}.0.weight`.

    Returns
    -------
    AdaptiveInput

    Raises
    ------
    ValueError
        If sizes do not fit.
    """
    bands = list(input.parameters.bands)
    if embeddings:
        bands[0] = replace(bands[0], embedding=parameters.head.weight[:input.cutoffs[0]])
    for i, tail in enumerate(parameters.tail):
        if embeddings:
            bands[i + 1] = replace(bands[i + 1], embedding=tail.output.weight)
        if projections:
            bands[i + 1] = replace(bands[i + 1], projection=tail.projection.weight)
    return input.with_parameters(Bands(tuple(bands)))


def tied(softmax, input, *, embeddings=True, projections=True):
    """Gradients of a softmax and an input that share arrays, added up where they do.

    Parameters
    ----------
    softmax : Parameters
        Gradients of the layer.
    input : Bands
        Gradients of the input.
    embeddings, projections : bool
        What is shared, as for `shared`.

    Returns
    -------
    Parameters, Bands
        New trees; of what is shared both hold the same sum, so that one step of each keeps the
        arrays equal.
    """
    xp = array_namespace(softmax.head.weight)
    s, bands, tails = input.bands[0].embedding.shape[0], list(input.bands), []
    head = softmax.head
    if embeddings:
        words = head.weight[:s] + bands[0].embedding
        head = Linear(xp.concatenate([words, head.weight[s:]], axis=0), head.bias)
        bands[0] = replace(bands[0], embedding=words)
    for i, tail in enumerate(softmax.tail):
        vectors, projection = tail.output.weight, tail.projection.weight
        if embeddings:
            vectors = vectors + bands[i + 1].embedding
            bands[i + 1] = replace(bands[i + 1], embedding=vectors)
        if projections:
            projection = projection + bands[i + 1].projection
            bands[i + 1] = replace(bands[i + 1], projection=projection)
        tails.append(Cluster(Linear(projection), Linear(vectors, tail.output.bias)))
    return Parameters(head, tuple(tails)), Bands(tuple(bands))
