"""The calculus: a linear map, a log-softmax, a choice of one entry a row; the transpose of each.

    N rows   K entries of one softmax   I, O sizes of a linear map

Each `*_backward` takes dL/d(result) and answers dL/d(argument).  All of it is analytic (no `abs`,
no `conj`; comparisons on real parts): a complex step runs through forward and backward alike.

The log-softmax sets its largest entry j* aside.  With t = z - z[j*] and s = Σ exp(t[k]), k ≠ j*,

    log p = t - log1p(s),        1 - p[k] = -expm1(log p[k])

and neither the loss nor the gradient of a confident row cancels to 0, as they do in the textbook's
log(Σ exp(t)) and 1 - p.  [Blanchard, Higham, Higham 2021, arXiv 1909.03469, on the shift; the rest
is measured in the notebook on the forward pass.]
"""
from npadasoft.arrays import array_namespace
from npadasoft.passes import over_rows

BLOCK = 512         # columns that are added up before their sums are


def linear(x, weight, bias=None, out=None):
    """x · weightᵀ + bias, written into `out` (N, O) if there is one.

    Parameters
    ----------
    x : (N, I) array
    weight : (O, I) array
    bias : (O,) array, optional

    Returns
    -------
    (N, O) array
    """
    xp = array_namespace(x, weight)
    y = xp.matmul(x, weight.T, out=out)                 # (N, O)
    return y if bias is None else xp.add(y, bias, out=out)


def linear_backward(dy, x, weight):
    """Transpose of `linear`: what dy = dL/d(result) is for its arguments.

    Returns
    -------
    dx : (N, I) array
        dy · weight.
    dweight : (O, I) array
        dyᵀ · x.
    """
    return dy @ weight, dy.T @ x


def bias_backward(dy):
    """dL/d(bias) = Σ_n dy[n]: (O,).

    Along a contiguous axis, where NumPy adds in pairs: down the columns of dy it adds row after
    row, and in float32 loses three digits over 100,000 rows.
    """
    return array_namespace(dy).array(dy.T, order="C").sum(-1)


def log_softmax(z):
    """log p of each row: z - z[j*] - log1p(Σ_{k≠j*} exp(z[k] - z[j*])).

    Parameters
    ----------
    z : (N, K) array
        Scores, K >= 1.  Rows may hold -inf; one with nan or +inf is nan.

    Returns
    -------
    (N, K) array, nats
        At most 0.

    Notes
    -----
    The relative error of the largest entry stays near the unit roundoff times the gap to the
    runner-up, at any gap; exp of the result sums to 1.

    Examples
    --------
    >>> import numpy as np
    >>> float(log_softmax(np.array([[50.0, 0.0]]))[0, 0])   # -exp(-50), where log(1 + s) is 0
    -1.9287498479639178e-22
    """
    log_p = array_namespace(z).array(z, order="C")
    over_rows(lambda rows: normalise(log_p[rows]), log_p)
    return log_p


def normalise(z, shift=0):
    """`log_softmax` of the rows z (N, K), written over them, plus `shift` (N,)."""
    xp = array_namespace(z)
    rows, top = xp.arange(z.shape[0]), z.real.argmax(-1)
    z -= z[rows, top][:, None]                          # 0 at j*
    exps = xp.exp(z)                                    # (N, K)
    exps[rows, top] *= 0                                # and not = 0: nan stays
    z -= (log1p(row_sums(exps)) - shift)[:, None]


def row_sums(z):
    """Σ_k z[n, k] of each row: (N,).

    `sum` adds one number after the other along a row, einsum a vector at a time: three times as
    fast.  Its running sums have no end, though: so it adds up blocks of 512 columns, and `sum`,
    in pairs, the blocks.
    """
    xp = array_namespace(z)
    whole = z.shape[1] // BLOCK * BLOCK
    s = xp.einsum("nk->n", z[:, whole:])
    if whole:
        s += xp.einsum("nbk->nb", z[:, :whole].reshape(z.shape[0], -1, BLOCK)).sum(-1)
    return s


def log_softmax_backward(log_p, grad):
    """Transpose of `log_softmax`: with p = exp(log p) and ρ = Σ_k grad[k],

        dz = grad - ρ p,        dz[j*] = (1 - p[j*]) grad[j*] - p[j*] Σ_{k≠j*} grad[k]

    The entry of the largest probability is formed without cancellation; only there can 1 - p be
    small.

    Parameters
    ----------
    log_p : (N, K) array
        What `log_softmax` returned.
    grad : (N, K) array
        dL/d log p.

    Returns
    -------
    (N, K) array
        dL/dz; its rows sum to 0.
    """
    xp = array_namespace(log_p, grad)
    rows, top = xp.arange(log_p.shape[0]), log_p.real.argmax(-1)
    p = xp.exp(log_p)
    dz = grad - grad.sum(-1)[:, None] * p               # (N, K)
    others = grad + 0 * dz                              # a copy in the dtype of dz
    others[rows, top] = 0
    dz[rows, top] = -xp.expm1(log_p[rows, top]) * grad[rows, top] - p[rows, top] * others.sum(-1)
    return dz


def pick(log_p, index):
    """log_p[n, index[n]] for every row n: (N,)."""
    return log_p[array_namespace(log_p).arange(log_p.shape[0]), index]


def pick_backward(log_p, index, grad):
    """Transpose of `pick` after `log_softmax`, in one step: with q = grad,

        dz[n, k] = q[n] · ((k = index[n]) - p[n, k])

    where the entry at the index is -q expm1(log p), which does not cancel.

    Parameters
    ----------
    log_p : (N, K) array
        What `log_softmax` returned.
    index : (N,) integer array
        The chosen entries, within range.
    grad : (N,) array
        dL/d(chosen log p).

    Returns
    -------
    (N, K) array
        dL/dz; its rows sum to 0.
    """
    xp = array_namespace(log_p, index, grad)
    rows = xp.arange(log_p.shape[0])
    dz = xp.exp(log_p) * -grad[:, None]                 # (N, K)
    dz[rows, index] = -grad * xp.expm1(log_p[rows, index])
    return dz


def log1p(s):
    """log1p, accurate for complex arguments too: NumPy's own loses the real part of a small one."""
    xp = array_namespace(s)
    if s.dtype.kind != "c":
        return xp.log1p(s)
    re, im = s.real, s.imag
    return 0.5 * xp.log1p(re * (2 + re) + im * im) + 1j * xp.arctan2(im, 1 + re)
