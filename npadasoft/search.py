"""Which class: the best, the k best, a random one, without looking where the answer cannot be.

    N rows   R rows of one round   K columns of the head   s shortlist_size
    O_i classes of tail i

All rest on one inequality.  Class w of tail i has log p(w) = A[s + i] + B[w] <= A[s + i], the
log-probability of the tail's column, since B <= 0; it holds for the computed numbers too, for
rounding is monotone.  So a tail whose column is below what a row already has cannot improve that
row.  Tails are opened in rounds: in round r each row looks at its r-th best column, so that no
row opens a tail that it did not have to.
"""
from npadasoft.arrays import array_namespace, is_host, to_host
from npadasoft.cutoffs import group
from npadasoft.functional import linear, log_softmax, normalise
from npadasoft.passes import over_rows


def predict(x, parameters, cutoffs):
    """The most probable class of each row of x (N, D): (N,) int64.

    The argmax of the head's logits, if that is a class; else of all log-probabilities.  The one
    transfer that tells which rows left the short-list tells for which tail, too.
    """
    xp = array_namespace(x)
    z = linear(x, parameters.head.weight, parameters.head.bias)             # (N, K)
    best = z.real.argmax(-1)                                                # (N,)
    chosen = xp.where(best < cutoffs.shortlist_size, -1, best - cutoffs.shortlist_size)
    order, edges, _ = group(chosen, cutoffs.n_clusters)
    if edges[0] == x.shape[0]:
        return best
    rows = order[edges[0]:]             # those that left the short-list, by the tail they chose
    edges = [edge - edges[0] for edge in edges]
    best[rows] = _best_of_open(x[rows], log_softmax(z[rows]), chosen[rows], edges, parameters,
                               cutoffs)
    return best


def _best_of_open(x, head, chosen, edges, parameters, cutoffs):
    """The argmax of log_prob for rows whose head chose a tail, sorted by it: (R,).

    Tail i was chosen by rows edges[i]:edges[i + 1] and is looked at first, then the others.
    """
    xp = array_namespace(x)
    shortlist = head.real[:, :cutoffs.shortlist_size]
    best, value = _best(shortlist)                                          # (R,)

    def may_win(bound, first):
        return (bound > value) | ((bound == value) & (first < best))

    def look(i, rows):
        log_p = _tail_log_prob(x[rows], head[rows], parameters, cutoffs, i).real     # (R_i, O_i)
        place, new = _best(log_p)
        found = place + cutoffs.values[i]
        wins = (new > value[rows]) | ((new == value[rows]) & (found < best[rows]))
        wins = wins | (xp.isnan(new) & ~xp.isnan(value[rows]))      # nan is the largest
        best[rows] = xp.where(wins, found, best[rows])
        value[rows] = xp.where(wins, new, value[rows])

    for i in range(cutoffs.n_clusters):
        if edges[i] < edges[i + 1]:
            look(i, slice(edges[i], edges[i + 1]))
    open_already = xp.arange(cutoffs.n_clusters) == chosen[:, None]         # (R, J)
    columns = xp.where(open_already, -float("inf"), head.real[:, cutoffs.shortlist_size:])
    for i, rows in _rounds(columns, may_win, cutoffs):
        look(i, rows)
    return best


def _best(log_p):
    """Place and value of the largest of each row (R, K), the first of equal ones: two (R,).

    A row of a log-softmax is nan throughout or nowhere.  Of several nan NumPy's argmax answers the
    first, CuPy's any.
    """
    xp = array_namespace(log_p)
    place = log_p.argmax(-1)
    value = xp.take_along_axis(log_p, place[:, None], -1)[:, 0]
    return xp.where(xp.isnan(value), 0, place), value


def topk(x, parameters, cutoffs, k):
    """The k largest log-probabilities of each row, descending, and their classes: two (N, k)."""
    xp = array_namespace(x)
    head = log_softmax(linear(x, parameters.head.weight, parameters.head.bias))             # (N, K)
    s = cutoffs.shortlist_size
    values, index = _first(head[:, :s], k)
    if values.shape[1] < k:                             # places that a tail must fill
        missing = (x.shape[0], k - values.shape[1])
        nothing = xp.zeros(missing, dtype=values.dtype) - float("inf")
        nowhere = xp.zeros(missing, dtype=xp.int64) + cutoffs.n_classes
        values = xp.concatenate([values, nothing], axis=1)
        index = xp.concatenate([index, nowhere], axis=1)
    if k == 0:
        return values, index

    def may_win(bound, first):
        last, last_index = values.real[:, -1], index[:, -1]
        return (bound > last) | ((bound == last) & (first < last_index)) | xp.isnan(bound)

    for i, rows in _rounds(head.real[:, s:], may_win, cutoffs):
        log_p = _tail_log_prob(x[rows], head[rows], parameters, cutoffs, i)          # (R_i, O_i)
        new, place = _first(log_p, k)
        new_index = place + cutoffs.values[i]
        values[rows], index[rows] = _merged(xp.concatenate([values[rows], new], axis=1),
                                            xp.concatenate([index[rows], new_index], axis=1), k)
    return values, index


def _first(values, k):
    """The k largest of each row, nan first, equal ones by place: values and places, (R, k) each."""
    xp = array_namespace(values)
    if is_host(xp) and 0 < 4 * k < values.shape[1]:
        chosen = xp.empty((values.shape[0], k), dtype=xp.int64)

        def select(rows):
            chosen[rows] = _smallest(_key(values[rows]), k)
        over_rows(select, values)
    else:
        chosen = xp.argsort(_key(values), kind="stable")[:, :k]
    return xp.take_along_axis(values, chosen, -1), chosen


def _smallest(key, k):
    """What a stable sort of each row puts first, (R, k), without the sort where nothing is tied.

    On the host alone: it has to know how many are below the k-th value.
    """
    xp = array_namespace(key)
    limit = xp.partition(key, k - 1, axis=-1)[:, k - 1, None]
    places = (key <= limit).reshape(-1).nonzero()[0]    # flat: a tenth of the time of two axes
    if places.size != k * key.shape[0]:                 # equal values straddle the k-th place
        return xp.argsort(key, kind="stable")[:, :k]
    places = places.reshape(-1, k) % key.shape[1]
    order = xp.argsort(xp.take_along_axis(key, places, -1), kind="stable")
    return xp.take_along_axis(places, order, -1)


def _merged(values, index, k):
    """The k largest of few candidates in any order, by value and then by index."""
    xp = array_namespace(values)
    by_index = xp.argsort(index, kind="stable")
    values = xp.take_along_axis(values, by_index, -1)
    index = xp.take_along_axis(index, by_index, -1)
    chosen = xp.argsort(_key(values), kind="stable")[:, :k]
    return xp.take_along_axis(values, chosen, -1), xp.take_along_axis(index, chosen, -1)


def _key(values):
    """What to sort by: the largest first, nan before all."""
    xp = array_namespace(values)
    key, nan = -values.real, xp.isnan(values.real)
    if not is_host(xp) or nan.any():                    # without nan, on the host a pass is saved
        key = xp.where(nan, -float("inf"), key)
    return key


def _rounds(columns, may_win, cutoffs):
    """Yield (tail, rows) to open, best columns first.

    `may_win(bound, first class)` is asked before a round: one flag a row.  One transfer from the
    device a round.  A row appears once in a round, so no index repeats.
    """
    xp = array_namespace(columns)
    ranked = xp.argsort(-columns, kind="stable")                            # (R, J)
    first = xp.asarray(cutoffs.values[:-1], dtype=xp.int64)                 # (J,)
    for r in range(cutoffs.n_clusters):
        tail = ranked[:, r]
        bound = xp.take_along_axis(columns, tail[:, None], -1)[:, 0]
        wanted = xp.where(may_win(bound, first[tail]), tail, -1)            # (R,)
        order, edges, _ = group(wanted, cutoffs.n_clusters)
        if edges[0] == edges[-1]:                       # the columns only get worse from here on
            return
        for i in range(cutoffs.n_clusters):
            if edges[i] < edges[i + 1]:
                yield i, order[edges[i]:edges[i + 1]]


def _tail_log_prob(x, head, parameters, cutoffs, i):
    """log p of the classes of tail i, for rows x (R, D) and their head (R, K): (R, O_i)."""
    cluster, column = parameters.tail[i], head[:, cutoffs.column(i)]
    hidden = linear(x, cluster.projection.weight)
    log_p = linear(hidden, cluster.output.weight, cluster.output.bias)
    over_rows(lambda rows: normalise(log_p[rows], column[rows]), log_p)     # as `log_prob` does it
    return log_p


def sample(x, parameters, cutoffs, u):
    """A class drawn for each row: a head column with u[:, 0], a class of its tail with u[:, 1].

    Each draw takes the first entry whose running sum, in float64, exceeds u times the total.  The
    one transfer tells whether a tail might be nan, too: only then a second one asks which rows.
    """
    xp = array_namespace(x)
    head = log_softmax(linear(x, parameters.head.weight, parameters.head.bias))
    drawn, broken = _draw(head, u[:, 0])                                    # (N,)
    tail = xp.where(drawn < cutoffs.shortlist_size, -1, drawn - cutoffs.shortlist_size)
    order, edges, (doubt, *broken) = group(tail, cutoffs.n_clusters,
                                           [_doubt(x, parameters), *broken])
    flags = []
    for i in range(cutoffs.n_clusters):
        rows = order[edges[i]:edges[i + 1]]
        if edges[i] < edges[i + 1]:
            cluster = parameters.tail[i]
            hidden = linear(x[rows], cluster.projection.weight)
            log_p = log_softmax(linear(hidden, cluster.output.weight, cluster.output.bias))
            place, bad = _draw(log_p, u[rows, 1])
            drawn[rows] = cutoffs.values[i] + place
            flags += [bad[0], rows[bad[1]]]
    if doubt and flags:
        broken = [*broken, *to_host(xp.stack(flags))]
    first = [row for many, row in zip(broken[::2], broken[1::2]) if many]
    if first:
        raise ValueError("probability tensor contains either `inf`, `nan` or element < 0, "
                         f"first in row {min(first)}")
    return drawn


def _draw(log_p, u):
    """Inverse of the running sum at u, and [number of rows with nan, the first such row]."""
    xp = array_namespace(log_p)
    total = xp.empty(log_p.shape[0], dtype=xp.float64)
    drawn = xp.empty(log_p.shape[0], dtype=xp.int64)

    def draw(rows):
        running = xp.cumsum(xp.exp(log_p[rows].real), axis=-1, dtype=xp.float64)
        total[rows] = running[:, -1]
        drawn[rows] = (running <= (u[rows] * total[rows])[:, None]).sum(-1)
    over_rows(draw, log_p)
    bad = xp.isnan(total)
    return drawn, [bad.sum(), bad.argmax()] if bad.size else []


def _doubt(x, parameters):
    """In how many tails a row could have a logit that is not finite, without computing any: ().

    With S = x Pᵀ and T = S Uᵀ,  |S[n, h]|² <= Σ x² Σ P²  and  |T[n, k]|² <= Σ x² Σ P² Σ U²  (Cauchy
    and Schwarz); where the squares are finite, so are S and T, by half the range of exponents, and
    so they are with biases whose squares are.  On
    the host, where it is free to ask the rows themselves, the answer is 1.
    """
    xp = array_namespace(x)
    if is_host(xp):
        return xp.ones((), dtype=xp.int64)
    bounds = [_squares(x) * _squares(cluster.projection.weight) * _squares(cluster.output.weight)
              for cluster in parameters.tail]
    bounds += [_squares(cluster.output.bias) for cluster in parameters.tail
               if cluster.output.bias is not None]
    return xp.isnan(0 * xp.stack(bounds)).sum()


def _squares(a):
    """Σ |a|², without a copy of a, in its own precision: ()."""
    if a.dtype.kind == "c":
        return _squares(a.real) + _squares(a.imag)
    flat = a.reshape(-1)
    return flat @ flat
