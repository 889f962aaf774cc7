"""Loss and gradients of one sub-softmax in one pass over its rows, in blocks that a bound allows.

    N rows of the batch   M rows of this sub-softmax   R rows of a block   D in_features
    K entries of the softmax   H hidden size (D where there is no projection)

The calculus of `functional`, the same sums in another order.  What differs is what becomes of the
logits z of a block: they are never kept.  Within one buffer they turn into

    e[k] = exp(z[k]),       e[picked] replaced by -O,       O = Σ exp(z[k]) over k ≠ picked

The gradient of the logits is then c·e with one factor a row, c = -q / (O + exp(z[picked])), and the
factor is applied on the narrow side of each product, never to the K wide one:

    dh = c · (e W),     dW = eᵀ (c · h),     db = cᵀ e

and with the largest logit m, and S = O + exp(z[picked]),

    log p[picked] = (z[picked] - m) - log1p(s),     s = O exp(-m)       if z[picked] = m
                                                    s = S exp(-m) - 1   if not

Neither cancels where it matters.  O leaves the picked entry out, so that 1 - p = O / S keeps all
its digits at any p.  So does s in the first line.  In the second the rounding of S exp(-m), some u
times 1 + s, comes into log1p(s) as some u: but there p is 1/2 at the most, and |log p| at least
log 2.

Rows whose largest logit is not in [0, 40] are shifted by it first, so that no exponential overflows
and none is lost that the shifted form would keep; for the others the pass is saved.

Where not even a few rows of all K entries fit the bound, the block is cut in classes too: a first
pass finds m = z[j*] and s of each row tile by tile, a second one computes the logits again.  m and
log1p(s) are kept apart: folded into one log-sum-exp they would lose what the log1p form gains.
"""
from typing import Any, NamedTuple

from npadasoft.arrays import Array, array_namespace, is_host
from npadasoft.functional import log1p, row_sums
from npadasoft.passes import over_rows

FEW_ROWS = 32       # blocks of fewer rows are cut in classes instead: products of few rows are slow
SAFE = 40           # exp(±40) times anything sane is far from overflow and underflow in float32
KEPT = 2**22        # bytes of the least buffer: glibc keeps twice what was freed last for the next


class SubSoftmax(NamedTuple):
    """One softmax of the layer, and what of the batch goes through it."""

    rows: Any                       # (M,) rows of the batch, or slice(None) for all of them
    index: Array                    # (M,) the entry that each row picks
    projection: Array | None        # (H, D), None for the head
    weight: Array                   # (K, H)
    bias: Array | None              # (K,)


def backpropagate(parts, x, q, memory, dx, gradients):
    """Log p of the entries that each row picks; the gradients of L = Σ q · output are written.

    Parameters
    ----------
    parts : list of SubSoftmax
    x : (N, D) array
    q : (N,) array
        dL/d output.
    memory : int
        Bytes to use beside the result.
    dx : (N, D) array of q's dtype
        Written, whatever it holds.
    gradients : list of (dprojection, dweight, dbias), (H, D), (K, H), (K,) arrays of q's dtype
        Written, whatever they hold: those of each part, None for what it does not have.

    Returns
    -------
    output : (N,) array
        Of each row the sum over the parts that it goes through; 0 for a row of none.

    Raises
    ------
    ValueError
        If `memory` does not hold one row and one class of each part, with the least that is enough.
    """
    xp = array_namespace(x, parts[0].weight)
    _check_memory(parts, x.shape[1], q.dtype.itemsize, memory)
    output = xp.zeros(x.shape[0], dtype=q.dtype)
    dx[...] = 0
    budget = memory // q.dtype.itemsize
    cuts = [_cut(part, x.shape[1], budget) for part in parts]
    largest, free = max(r * c for r, c, _, _ in cuts), min(free for *_, free in cuts)
    shared = largest <= free                            # then all parts work in one buffer
    work = xp.empty(max(largest, min(KEPT // q.dtype.itemsize, free)) if shared else 0,
                    dtype=q.dtype)
    for part, leaves, (r, c, room, _) in zip(parts, gradients, cuts):
        if not shared:
            work = None                                 # before the next one is made
            work = xp.empty(r * c, dtype=q.dtype)
        _add(part, x, q, (r, c, room, work), output, dx, leaves, part is parts[0])
    return output


def _add(part, x, q, block, output, dx, gradients, first):
    """Add one part to `output` and `dx`, of which the first part finds zeros; its gradients."""
    xp = array_namespace(x)
    (r, c, room, work), n_rows, k = block, part.index.shape[0], part.weight.shape[0]
    dprojection, dweight, dbias = gradients
    for leaf in gradients if not n_rows else (dbias,):  # the others: the first block writes
        if leaf is not None:
            leaf[...] = 0
    if not n_rows:
        return
    written = first and part.projection is None and isinstance(part.rows, slice)
    for a in range(0, n_rows, r):
        rows = slice(a, min(a + r, n_rows))
        index = part.index[rows]
        if not isinstance(part.rows, slice):
            rows = part.rows[rows]
        x_rows, q_rows = x[rows], q[rows]                                   # (R, D), (R,)
        hidden = x_rows if part.projection is None else x_rows @ part.projection.T
        dh = dx[rows] if written else xp.empty(hidden.shape, dtype=q.dtype)
        log_p = (_whole if c == k else _tiled)(
            part, hidden, index, q_rows, work, c, room, a == 0, dh, dweight, dbias)
        output[rows] += log_p                           # rows of a sub-softmax: no index repeats
        if part.projection is not None:
            _add_product(dprojection, dh, x_rows, room, a == 0)
            dh = dh @ part.projection
        if not written:
            dx[rows] += dh


def _check_memory(parts, d, itemsize, memory):
    """Refuse a `memory` in which not one row and one class of each part fit."""
    least = 0
    for part in parts:
        n_rows, (k, h) = part.index.shape[0], part.weight.shape
        beside, sums = _beside(part, d), int(part.bias is not None)
        least = max(least, min(n_rows * (k + beside) + (1 + sums) * k,
                               max(4 * max(d, h), -(-4 * (beside + 1 + sums) // 3))))
    if memory // itemsize < least:
        raise ValueError(f"memory should be at least {least * itemsize} bytes for one row and one "
                         f"class, but found {memory}")


def _beside(part, d):
    """Numbers of a row of a block beside its logits, at the most at one time.

    x, hidden, c · hidden and dh; then, of a tail, x, hidden, dh P and the rows of dx.
    """
    h = part.weight.shape[1]
    return 8 + (3 * d if part.projection is None else max(d + 3 * h, 3 * d + h))


def _cut(part, d, budget):
    """How a part is cut so that its blocks take `budget` numbers at the most.

    Returns
    -------
    r, c : int
        Rows and classes of a block.
    room : int
        Numbers that a slice of a gradient may take.
    free : int
        Numbers that are left for the logits of a block: r · c at the least.
    """
    n_rows, k = part.index.shape[0], part.weight.shape[0]
    beside, sums = _beside(part, d), int(part.bias is not None)
    ones = (1 + sums) * k                               # and the sums of columns of a block
    if budget >= n_rows * (k + beside) + ones:          # one block: nothing is added up
        return n_rows, k, budget, budget - ones - n_rows * beside
    room = budget // 4
    budget -= room
    r, c = min(n_rows, (budget - ones) // (k + beside)), k
    if r < min(n_rows, FEW_ROWS):
        r = max(1, min(n_rows, 8 * FEW_ROWS, budget // (2 * beside)))
        c = max(1, min(k - 1, (budget - r * beside) // (r + sums)))
        ones = sums * c
    return r, c, room, budget - ones - r * beside


def _whole(part, h, index, q, work, c, room, first, dh, dweight, dbias):
    """A block of whole rows: log p of the picked entries (R,); dL/dh (R, H) goes to `dh`."""
    xp = array_namespace(h)
    e = xp.matmul(h, part.weight.T, out=work[:h.shape[0] * c].reshape(-1, c))           # (R, K)
    gap, low, total, others = xp.empty((4, h.shape[0]), dtype=e.dtype)

    def turn(rows):
        if part.bias is not None:
            e[rows] += part.bias
        _exponentials(e[rows], index[rows], gap[rows], low[rows], total[rows], others[rows])

    over_rows(turn, e)
    factor = -q / total
    xp.exp(-low, out=low)
    log_p = gap - log1p(xp.where(gap == 0, others * low, total * low - 1))
    xp.matmul(e, part.weight, out=dh)
    dh *= factor[:, None]
    _add_product(dweight, e, factor[:, None] * h, room, first)
    if part.bias is not None:
        _add_columns(dbias, e, factor)
    return log_p


def _exponentials(z, index, gap, low, total, others):
    """Turn logits z (R, K) into e; fill in what log p and c of each row are made of, (R,) each.

    gap = z[picked] - m, low = m less the shift, total = S and others = O of the shifted logits.
    """
    xp = array_namespace(z)
    rows = xp.arange(z.shape[0])
    low[:] = z[rows, z.real.argmax(-1)]
    gap[:] = z[rows, index] - low
    shift = xp.where((low.real >= 0) & (low.real <= SAFE), 0, low)
    if not is_host(xp) or shift.any():                  # z - 0 is z: on the host the pass is saved
        z -= shift[:, None]
        low -= shift
    xp.exp(z, out=z)
    total[:] = z[rows, index]
    z[rows, index] = 0
    others[:] = row_sums(z)
    total += others
    z[rows, index] = -others


def _tiled(part, h, index, q, work, c, room, first, dh, dweight, dbias):
    """As `_whole`, but with c classes at a time, in two passes."""
    xp = array_namespace(h)
    k = part.weight.shape[0]
    rows = xp.arange(h.shape[0])
    m = xp.zeros(h.shape[0], dtype=work.dtype) - float("inf")               # largest logit so far
    s = xp.zeros(h.shape[0], dtype=work.dtype)          # Σ exp(z - m) of the others
    picked = xp.zeros(h.shape[0], dtype=work.dtype)
    for a in range(0, k, c):
        tile = slice(a, min(a + c, k))
        z, inside, place = _tile_logits(part, h, index, work, tile)
        picked = xp.where(inside, z[rows, place], picked)
        top = z.real.argmax(-1)
        m_tile = z[rows, top]
        z -= xp.where(m_tile.real == -float("inf"), 0, m_tile)[:, None]     # all -inf: exp gives 0
        xp.exp(z, out=z)
        z[rows, top] *= 0
        m, s = _merge(m, s, m_tile, z.sum(-1))
    log_p = (picked - m) - log1p(s)                                         # (R,)
    factor = -q / (1 + s)
    scaled = factor[:, None] * h
    dh[...] = 0
    for a in range(0, k, c):
        tile = slice(a, min(a + c, k))
        e, inside, place = _tile_logits(part, h, index, work, tile)
        e -= m[:, None]
        xp.exp(e, out=e)
        e[rows, place] = xp.where(inside, (1 + s) * xp.expm1(log_p), e[rows, place])
        dh += e @ part.weight[tile]
        _add_product(dweight[tile], e, scaled, room, first)
        if part.bias is not None:
            _add_columns(dbias[tile], e, factor)
    dh *= factor[:, None]
    return log_p


def _tile_logits(part, h, index, work, tile):
    """Logits of the classes `tile`; which rows picked one of them, and its place (0 elsewhere)."""
    xp = array_namespace(h)
    size = tile.stop - tile.start
    z = xp.matmul(h, part.weight[tile].T, out=work[:h.shape[0] * size].reshape(-1, size))
    if part.bias is not None:
        z += part.bias[tile]
    inside = (index >= tile.start) & (index < tile.stop)                    # (R,)
    return z, inside, xp.where(inside, index - tile.start, 0)


def _merge(m1, s1, m2, s2):
    """(Largest logit, Σ exp of the others minus it) of two tiles as one, nothing subtracted."""
    xp = array_namespace(m1)
    swap = m2.real > m1.real
    m, low = xp.where(swap, m2, m1), xp.where(swap, m1, m2)
    s, s_low = xp.where(swap, s2, s1), xp.where(swap, s1, s2)
    nothing = low.real == -float("inf")                 # an empty tile adds nothing
    gap = xp.where(nothing, 0, low) - xp.where(nothing, 0, m)
    return m, s + xp.where(nothing, 0, (1 + s_low) * xp.exp(gap))


def _add_columns(total, e, factor):
    """total += eᵀ factor, 512 rows at a time: in one product digits are lost over many rows."""
    for a in range(0, e.shape[0], 512):
        total += factor[a:a + 512] @ e[a:a + 512]


def _add_product(total, a, b, room, first):
    """total += aᵀ b, at most `room` numbers at a time; the first product is written straight."""
    xp = array_namespace(total)
    if first:
        xp.matmul(a.T, b, out=total)
        return
    n = total.shape[0]
    step = max(1, room * n // max(total.size, 1))
    for i in range(0, n, step):
        total[i:i + step] += a[:, i:i + step].T @ b
