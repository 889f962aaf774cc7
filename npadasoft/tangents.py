"""Forward mode and second order by hand: what moves when input and weights move.

    N rows   M rows that count   D in_features   K columns of the head
    of tail i:   N_i rows   O_i classes   H_i hidden size

A dot is the derivative along a direction (Ẋ, Ẇ, ...) in the space of input and weights.  Forward
was, in the head and in each tail, a chain of linear maps and one log-softmax; its tangent is

    Ż = Ẋ Wᵀ + X Ẇᵀ + ḃ                                  (product rule)
    Ȧ = Ż - ⟨p, Ż⟩                                        (of log_softmax, p = exp A)

and backward was a log-softmax's pick, with q constant, and the transposed maps; its tangent, the
Hessian's product, is

    dZ = q ((k = picked) - p)         R{dZ} = -q p Ȧ
    dW = dZᵀ X,  dX = dZ W            R{dW} = R{dZ}ᵀ X + dZᵀ Ẋ,   R{dX} = R{dZ} W + dZ Ẇ

The first term of each sum alone, carried through, is the Gauss-Newton product Jᵀ H_softmax J.
[Pearlmutter 1994, Fast exact multiplication by the Hessian; Schraudolph 2002, Fast
curvature matrix-vector products]

A direction has the form of a gradient, so that `Gradients` unpack: jvp(layer, cache, *gradients).
The first forward's `Cache` serves any number of directions.
"""
import dataclasses

from npadasoft import checks
from npadasoft.adaptive import Gradients, Output
from npadasoft.arrays import array_namespace, result_type, rounded, working_type
from npadasoft.functional import bias_backward, linear
from npadasoft.parameters import Cluster, Linear, Parameters


def jvp(layer, cache, d_input=None, d_parameters=None):
    """How output and loss move along a direction: forward mode.

    Parameters
    ----------
    layer : AdaptiveLogSoftmaxWithLoss
    cache : Cache
        What `layer.forward` returned beside its output.  It is not consumed.
    d_input : array, shape of input, optional
        Ẋ; without it the input stands still.
    d_parameters : Parameters, optional
        A tree like the layer's; without it the weights stand still.

    Returns
    -------
    Output
        Tangents: of `output` in its shape, 0 for an ignored row, and of `loss`; nats per unit of
        the direction.  If no row counts, the loss is nan, but its tangent 0, as its gradient is.

    Raises
    ------
    ValueError, TypeError
        If a direction does not have the shape or the precision of what it moves.

    Notes
    -----
    Two matrix products for each linear map of the forward.  No transfer from the device.

    Examples
    --------
    >>> import numpy as np
    >>> from npadasoft import AdaptiveLogSoftmaxWithLoss
    >>> asm = AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs=[2, 4], div_value=2.0, rng=0)
    >>> x, y, dx = np.ones((1, 4)), np.array([5]), np.array([[0.0, 1.0, 0.0, 0.0]])
    >>> _, cache = asm.forward(x, y)
    >>> _, d_loss = jvp(asm, cache, dx)
    >>> bool(np.isclose(d_loss, asm.backward(cache).input[0, 1], rtol=1e-12))
    True
    """
    tangent = _tangent(cache, d_input, d_parameters)
    d_output = layer._gather(tangent)                                       # (N,)
    d_loss = layer._reduce(d_output, max(cache.routing.n_kept, 1))
    dtype, shape = tangent.dtype, cache.shape
    return Output(rounded(d_output, dtype).reshape(shape)[()],
                  rounded(d_loss, dtype).reshape(d_loss.shape and shape)[()])


def hvp(layer, cache, d_input=None, d_parameters=None, grad_output=None, grad_loss=1.0):
    """The Hessian times a direction: how the gradients of `backward` move along it.

    Parameters
    ----------
    layer, cache, d_input, d_parameters
        As for `jvp`.
    grad_output, grad_loss
        As for `backward`; the Hessian is that of Σ grad_output · output + grad_loss · loss, over
        all of input and parameters.

    Returns
    -------
    Gradients

    Raises
    ------
    ValueError, TypeError
        As `jvp` and `backward` do.

    Notes
    -----
    Symmetric, not positive: the loss is convex in the weights of the head and in those of a tail's
    output map, not in a tail's two maps together nor in input and weights together.  Six matrix
    products for each linear map, seven for the output map of a tail; backward takes two.  No
    transfer from the device.
    """
    tangent = _tangent(cache, d_input, d_parameters)
    q = layer._upstream(cache, grad_output, grad_loss)                      # (N,)
    curvature = _logit_curvature(cache, tangent, q)
    gradients = layer._logit_gradients(cache, q)
    return _pull_back_tangent(layer, cache, tangent, gradients, curvature)


def gnvp(layer, cache, d_input=None, d_parameters=None, grad_output=None, grad_loss=1.0):
    """The Gauss-Newton matrix times a direction: Jᵀ H J, with J of the logits, H of the softmaxes.

    Parameters
    ----------
    layer, cache, d_input, d_parameters, grad_output, grad_loss
        As for `hvp`.

    Returns
    -------
    Gradients

    Raises
    ------
    ValueError, TypeError
        As `hvp` does.

    Notes
    -----
    Of the loss it is symmetric and positive semidefinite, what curvature methods want: ⟨v, G v⟩ is
    the mean over rows of Var_p(Ż) + Var_π(Ṫ).  (grad_output, if given, must not be positive for
    that.)  It equals the Hessian where the logits are linear in what moves.  Four matrix products
    for each linear map.
    """
    tangent = _tangent(cache, d_input, d_parameters)
    q = layer._upstream(cache, grad_output, grad_loss)                      # (N,)
    gradients, _ = layer._pull_back(cache, *_logit_curvature(cache, tangent, q))
    return gradients


def log_prob_jvp(layer, input, d_input=None, d_parameters=None):
    """How the log-probability of every class moves along a direction.

    Parameters
    ----------
    layer : AdaptiveLogSoftmaxWithLoss
    input : (..., D) floating array
    d_input, d_parameters
        As for `jvp`.

    Returns
    -------
    (..., C) array
        Tangent of `layer.log_prob(input)`.

    Raises
    ------
    ValueError, TypeError
        As `log_prob` and `jvp` do.

    Notes
    -----
    The forward is computed again, so it is three products for each linear map, for all rows.
    """
    x, parameters, dtype, shape = layer._rows(input)
    xp = array_namespace(x)
    cache = layer._cache(x, layer._everywhere(x), parameters, shape, dtype)
    tangent = _tangent(cache, d_input, d_parameters)
    head, s = tangent.head_log_prob, layer.shortlist_size
    tails = [head[:, s + i, None] + tail for i, tail in enumerate(tangent.tail_log_prob)]
    d_log_prob = xp.concatenate([head[:, :s], *tails], axis=1)              # (N, C)
    return rounded(d_log_prob, tangent.dtype).reshape(*shape, layer.n_classes)


def log_softmax_jvp(log_p, dz):
    """Tangent of `log_softmax`: dz - ⟨p, dz⟩, and for the largest probability j*

        (1 - p[j*]) dz[j*] - Σ_{k≠j*} p[k] dz[k]

    Only there can 1 - p be small, and is -expm1(log p[j*]), which does not cancel.

    Parameters
    ----------
    log_p : (N, K) array
        What `log_softmax` returned.
    dz : (N, K) array
        How its argument moves.

    Returns
    -------
    (N, K) array
        exp(log p) times it sums to 0 along each row.
    """
    xp = array_namespace(log_p, dz)
    rows, top = xp.arange(log_p.shape[0]), log_p.real.argmax(-1)
    weighted = xp.exp(log_p) * dz                       # (N, K)
    moved = dz - weighted.sum(-1)[:, None]
    weighted[rows, top] = 0
    moved[rows, top] = -xp.expm1(log_p[rows, top]) * dz[rows, top] - weighted.sum(-1)
    return moved


def _tangent(cache, d_input, d_parameters):
    """The tangent of a forward, in the form of its `Cache`: Ẋ, Ẇ, Ȧ, Ṡ and Ḃ in their places."""
    dx, d_parameters = _direction(cache, d_input, d_parameters)
    x, routing, parameters = cache.input, cache.routing, cache.parameters
    kept = routing.kept
    head = _linear_jvp(x[kept], parameters.head, dx[kept], d_parameters.head)           # (M, K)
    hidden = tuple(_linear_jvp(x[rows], tail.projection, dx[rows], d_tail.projection)
                   for rows, tail, d_tail
                   in zip(routing.rows, parameters.tail, d_parameters.tail))
    tails = tuple(_linear_jvp(s, tail.output, ds, d_tail.output)
                  for s, tail, ds, d_tail
                  in zip(cache.tail_hidden, parameters.tail, hidden, d_parameters.tail))
    return dataclasses.replace(
        cache, input=dx, parameters=d_parameters, tail_hidden=hidden,
        head_log_prob=log_softmax_jvp(cache.head_log_prob, head),
        tail_log_prob=tuple(map(log_softmax_jvp, cache.tail_log_prob, tails)),
        dtype=_result_dtype(cache, head, *tails))


def _result_dtype(cache, *computed):
    """The dtype of results: the cache's, or a complex one if any of `computed` is complex."""
    wide = result_type(working_type(cache.dtype), *(a.dtype for a in computed))
    return wide if wide.kind == "c" else cache.dtype


def _direction(cache, d_input, d_parameters):
    """The checked direction, (N, D) and a tree, in the precision to compute in."""
    xp = array_namespace(cache.input)
    x, parameters = cache.input, cache.parameters

    def checked(name, value, shape):
        return checks.upstream(f"direction of {name}", value, name, shape, cache.dtype, xp)

    if d_input is None:
        dx = xp.zeros(x.shape, dtype=x.dtype)
    else:
        dx = checked("input", d_input, (*cache.shape, x.shape[1])).reshape(x.shape)
    if d_parameters is None:
        return dx, parameters.map(lambda w: xp.zeros(w.shape, dtype=w.dtype))
    shapes = {path: w.shape for path, w in parameters.items()}
    parameters.map(lambda w, d: None, d_parameters)     # the same leaves, or refused
    return dx, Parameters.from_items({path: checked(path, d, shapes[path])
                                      for path, d in d_parameters.items()})


def _linear_jvp(x, map, dx, d_map):
    """Tangent of `linear`: ẋ Wᵀ + x Ẇᵀ + ḃ."""
    return linear(dx, map.weight) + linear(x, d_map.weight, d_map.bias)


def _linear_backward_jvp(dy, x, map, tangents):
    """Tangents of dx = dy W, and of dyᵀ x and Σ dy as a `Linear`, given those of dy, x and map."""
    d_dy, d_x, d_map = tangents
    weight = d_dy.T @ x + dy.T @ d_x
    bias = None if map.bias is None else bias_backward(d_dy)
    return d_dy @ map.weight + dy @ d_map.weight, Linear(weight, bias)


def _logit_curvature(cache, tangent, q):
    """R{dZ} = -q p Ȧ of the head (M, K), and R{dT_i} of every tail (N_i, O_i).

    At the picked entry, too: d(-q expm1(log p)) = -q p d(log p).
    """
    def moved(log_p, d_log_p, q):
        return array_namespace(log_p).exp(log_p) * d_log_p * -q[:, None]

    head = moved(cache.head_log_prob, tangent.head_log_prob, q[cache.routing.kept])
    tails = tuple(moved(log_p, d_log_p, q[rows]) for log_p, d_log_p, rows
                  in zip(cache.tail_log_prob, tangent.tail_log_prob, cache.routing.rows))
    return head, tails


def _pull_back_tangent(layer, cache, tangent, gradients, curvature):
    """Tangent of the layer's `_pull_back`, line by line: `Gradients`.

    `gradients` are dZ and dT_i, `curvature` how they move, `tangent` how all else does.
    """
    (dhead, dtails), (ddhead, ddtails) = gradients, curvature
    x, dx, routing = cache.input, tangent.input, cache.routing
    xp = array_namespace(x)
    moved = xp.zeros(x.shape, dtype=result_type(ddhead.dtype, *(dt.dtype for dt in ddtails)))
    tails = []
    for i, (tail, d_tail) in enumerate(zip(cache.parameters.tail, tangent.parameters.tail)):
        rows = routing.rows[i]
        ds = dtails[i] @ tail.output.weight                                 # (N_i, H_i)
        dds, output = _linear_backward_jvp(
            dtails[i], cache.tail_hidden[i], tail.output,
            (ddtails[i], tangent.tail_hidden[i], d_tail.output))
        moved_rows, projection = _linear_backward_jvp(
            ds, x[rows], tail.projection, (dds, dx[rows], d_tail.projection))
        moved[rows] += moved_rows                       # rows of a tail: no index repeats
        tails.append(Cluster(projection, output))
    kept = routing.kept
    moved_kept, head = _linear_backward_jvp(
        dhead, x[kept], cache.parameters.head, (ddhead, dx[kept], tangent.parameters.head))
    moved[kept] += moved_kept
    tree = Parameters(head, tuple(tails)).map(lambda leaf: rounded(leaf, tangent.dtype))
    return Gradients(rounded(moved, tangent.dtype).reshape(*cache.shape, x.shape[1]), tree)
