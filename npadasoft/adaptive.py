"""The layer: adaptive log-softmax with its loss, and the gradients derived by hand.

    N rows (examples)   M rows that count (all but the ignored ones)   D in_features
    C n_classes, numbered from 0, the most frequent first, cut at c_0 < c_1 < ... < c_J = C
    short-list: the classes below c_0, scored in the head   s = c_0, shortlist_size
    tail i = 0 ... J-1, as in the key `tail.{i}`: the classes c_i ... c_{i+1}-1   J n_clusters
        N_i rows whose target lives there   O_i = c_{i+1} - c_i classes   H_i hidden size
    K = s + J columns of the head, one a class of the short-list and, at s + i, one for tail i

(A tail is a cluster of the paper's, which is why PyTorch counts `n_clusters`.  `cutoffs` are the
c_i from c_0 on.  Every file and notebook uses these letters.)

`forward` computes, and `backward` pulls back through, for rows X and targets y

    Z = X Wᵀ + b            A = log_softmax(Z)          (M, K)       the head
    S_i = X[rows] P_iᵀ      T_i = S_i U_iᵀ (+ a_i)      (N_i, O_i)   tail i, its own rows only
    B_i = log_softmax(T_i)
    output[n] = A[n, y]                                 if y is in the short-list
              = A[n, s + i] + B_i[n, y - cutoffs[i]]    if y is in tail i
    loss = -Σ output / M

Forward returns all that backward needs, and the layer keeps nothing between the two: two calls
never interfere, and threads may share a layer.
"""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from npadasoft import checks, fused, search, state
from npadasoft.arrays import (Array, array_namespace, is_floating, ndim, result_type, rounded,
                              working_type)
from npadasoft.cutoffs import Cutoffs, Routing, divisor, hidden_sizes, integer, route
from npadasoft.functional import (bias_backward, linear, linear_backward, log_softmax,
                                  log_softmax_backward, normalise, pick, pick_backward)
from npadasoft.parameters import Cluster, Linear, Parameters
from npadasoft.passes import over_rows


class Output(NamedTuple):
    """Log-probability of each target (shape of target, nats), and their reduction."""

    output: Array
    loss: Array


class Gradients(NamedTuple):
    """dL/d input (shape of input) and dL/d parameters (a tree like the layer's)."""

    input: Array
    parameters: Parameters

    def by_path(self):
        """A dict of all arrays: the input, then the parameters by their paths."""
        return {"input": self.input, **dict(self.parameters.items())}


class TopK(NamedTuple):
    """The k largest log-probabilities (..., k), in nats, descending, and their classes."""

    log_prob: Array
    index: Array


@dataclass(frozen=True, eq=False)
class Cache:
    """What backward needs of a forward: M·K + Σ N_i (H_i + O_i) numbers, beside input and weights.

    The arrays are those that forward saw: writing to input or weights before `backward` makes it
    wrong.
    """

    input: Array                            # (N, D)
    routing: Routing
    parameters: Parameters
    head_log_prob: Array                    # (M, K) A
    tail_hidden: tuple[Array, ...]          # (N_i, H_i) S_i
    tail_log_prob: tuple[Array, ...]        # (N_i, O_i) B_i
    shape: tuple[int, ...]                  # of target
    dtype: np.dtype                         # of every result


class AdaptiveLogSoftmaxWithLoss:
    """Log-softmax over many classes, at the cost of few: frequent ones in a head, rare ones apart.

    Parameters
    ----------
    in_features : int
        D, length of an example.
    n_classes : int
        C, at least 2.  Classes are numbered from 0, the most frequent first.
    cutoffs : iterable of int
        First class of each tail; see `npadasoft.cutoffs.Cutoffs`.
    div_value : float, default 4.0
        Tail i (from 0) projects to int(D // div_value ** (i + 1)) features.
    head_bias : bool, default False
        Whether the head has a bias.
    tail_bias : bool, default False
        Whether the output map of each tail has a bias, which PyTorch's has not.
    ignore_index : int, optional
        Rows with this target count for nothing: output 0, gradient 0.
    reduction : {"mean", "sum", "none"}
        Of the loss: mean over the rows that count, sum, or one loss a row.
    dtype : floating dtype, default float64
        float16, float32, float64, longdouble, complex64 or complex128.
    rng : optional
        Seed or generator, as `numpy.random.default_rng` takes it.  No global state is read or
        written.

    Attributes
    ----------
    cutoffs : tuple of int
        With n_classes at the end.
    shortlist_size, n_clusters, head_size : int
        s, J and K.
    parameters : Parameters
        The weights, not copied: `head.weight`, `head.bias`, `tail[i].projection.weight`,
        `tail[i].output.weight`, `tail[i].output.bias`.

    Raises
    ------
    ValueError, TypeError
        For sizes, cutoffs, a divisor or a dtype that make no layer; the message shows value and
        bound.

    Notes
    -----
    Names, values and conventions are those of `torch.nn.AdaptiveLogSoftmaxWithLoss`.  Weights start
    from U(-1/√fan_in, 1/√fan_in).  [Grave et al. 2017, arXiv 1609.04309]  On CuPy, complex numbers
    go through forward, `log_prob` and the searches, not through backward.

    Examples
    --------
    >>> asm = AdaptiveLogSoftmaxWithLoss(8, 100, cutoffs=[10, 40], div_value=2.0, rng=0)
    >>> x, y = np.ones((3, 8)), np.array([4, 12, 99])
    >>> (output, loss), cache = asm.forward(x, y)
    >>> bool(np.allclose(output, asm.log_prob(x)[np.arange(3), y]))
    True
    >>> grads = asm.backward(cache)
    >>> grads.input.shape, grads.parameters.head.weight.shape
    ((3, 8), (12, 8))
    """

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, *,
                 tail_bias=False, ignore_index=None, reduction="mean", dtype=np.float64, rng=None):
        self._configure(integer("in_features", in_features, minimum=1), Cutoffs(cutoffs, n_classes),
                        bool(head_bias), bool(tail_bias), ignore_index, reduction)
        self.div_value = divisor(div_value)
        self.hidden_sizes = hidden_sizes(self.in_features, self.div_value, self._cutoffs,
                                         self.tail_bias)
        dtype = np.dtype(dtype).newbyteorder("=")
        if not is_floating(dtype):
            raise TypeError(f"dtype should be a floating-point type, but found {dtype}")
        self._parameters = state.initial(self._shapes(), np.random.default_rng(rng), dtype)

    def _configure(self, in_features, cutoffs, head_bias, tail_bias, ignore_index, reduction):
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"{reduction} is not a valid value for reduction")
        self.in_features = in_features
        self._cutoffs = cutoffs
        self.head_bias, self.tail_bias = head_bias, tail_bias
        self.ignore_index = None if ignore_index is None else integer("ignore_index", ignore_index)
        self.reduction = reduction

    def __repr__(self):
        return (f"{type(self).__name__}({self.in_features}, {self.n_classes}, "
                f"cutoffs={list(self.cutoffs[:-1])}, div_value={self.div_value}, "
                f"head_bias={self.head_bias}{', tail_bias=True' * self.tail_bias}, "
                f"dtype={self.dtype})")

    n_classes = property(lambda self: self._cutoffs.n_classes)
    cutoffs = property(lambda self: self._cutoffs.values)
    shortlist_size = property(lambda self: self._cutoffs.shortlist_size)
    n_clusters = property(lambda self: self._cutoffs.n_clusters)
    head_size = property(lambda self: self._cutoffs.head_size)
    parameters = property(lambda self: self._parameters)

    @property
    def dtype(self):
        """The dtype in which the parameters meet."""
        return result_type(*(leaf.dtype for _, leaf in self._parameters.items()))

    # ---------------------------------------------------------------- loss and gradients

    def __call__(self, input, target):
        """The `Output` of `forward`: (output, loss)."""
        return self.forward(input, target)[0]

    def forward(self, input, target):
        """Log-probability of each target, and the loss.

        Parameters
        ----------
        input : (N, D), (D,) or (..., D) floating array
        target : (N,), () or (...) integer array
            Classes in [0, n_classes), in any order.

        Returns
        -------
        Output
            `output`, shape of target: log p(target), nats, at most 0.  `loss`, a scalar (or the
            shape of target with reduction "none"): the mean of -output; nan if no row counts, as in
            PyTorch.
        Cache
            For `backward`.

        Raises
        ------
        TypeError
            If the target holds no integers, the input no floats, precisions differ, or libraries
            are mixed.
        ValueError
            If shapes do not fit, or a target is no class.

        Notes
        -----
        Only tails that hold a target are computed.  One transfer from the device.
        """
        x, y, parameters, dtype = self._examples(input, target)
        routing = route(y.reshape(-1), self._cutoffs, self.ignore_index)
        cache = self._cache(x, routing, parameters, y.shape, dtype)
        output = self._gather(cache)                                    # (N,)
        loss = self._reduce(output, routing.n_kept)
        output = rounded(output, dtype).reshape(y.shape)[()]
        return Output(output, rounded(loss, dtype).reshape(loss.shape and y.shape)[()]), cache

    def backward(self, cache, grad_output=None, grad_loss=1.0):
        """Pull gradients of `output` and `loss` back to the input and the parameters.

        With q[n] = grad_output[n] - grad_loss / M, because loss is -Σ output[n] / M over the M
        examples that count, each softmax that scored example n receives

            dz[k] = q[n] · ((k = picked) - p[k])

        and the two linear maps of a tail carry it back to input[n].

        Parameters
        ----------
        cache : Cache
            What `forward` returned beside its output.  It is not consumed.
        grad_output : array, shape of output, optional
            dL/d output.  Default: zero.
        grad_loss : scalar, default 1.0
            dL/d loss; with reduction "none" a scalar or an array in the shape of the loss.

        Returns
        -------
        Gradients
            `input` in the shape of input, and `parameters`, a `Parameters` shaped like the
            layer's.  A tail without a target gets zeros.

        Raises
        ------
        ValueError
            If a gradient does not have the shape of what it is the gradient of.

        Notes
        -----
        No transfer from the device.  1 - p[picked] is -expm1(log p[picked]): on a confident example
        1 - p would cancel to 0 while the true gradient is small but not zero.  Costs two matrix
        products per linear map.

        Examples
        --------
        >>> asm = AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs=[2, 4], div_value=2.0, rng=0)
        >>> _, cache = asm.forward(np.ones((1, 4)), np.array([5]))
        >>> bool(asm.backward(cache).parameters.tail[0].output.weight.any())    # no target there
        False
        """
        q = self._upstream(cache, grad_output, grad_loss)               # (N,)
        gradients, _ = self._pull_back(cache, *self._logit_gradients(cache, q))
        return gradients

    def loss_and_gradients(self, input, target, *, memory=2**28, out=None):
        """Loss and its gradients in one blocked pass: what to train with.

        The numbers of `forward` and then `backward`, to rounding, without a `Cache`: the logits of
        a block are turned into loss and gradients and dropped (see `npadasoft.fused`).

        Parameters
        ----------
        input, target
            As for `forward`.
        memory : int, default 2**28
            Bytes to use beyond input, weights and result, and 64 bytes a row, whatever the batch
            and the number of classes.  Less memory means smaller blocks; where not a few rows of a
            softmax fit, its logits are computed twice.  Beside this come some tens of kilobytes of
            Python's; float16 and a foreign byte order are converted whole; complex needs more.
        out : Gradients, optional
            Arrays to write the gradients into, whatever they hold: those of the last step, say.
            Theirs are the shapes and the dtype of a result; they are C-contiguous, writeable, and
            none overlaps another, input, target or a weight in memory.  One thread at a time.

        Returns
        -------
        loss : scalar, nats; the shape of target with reduction "none"
        Gradients
            Of that loss, or of its sum with reduction "none"; `out`, if there is one.

        Notes
        -----
        One transfer from the device.  Where gradients take many megabytes, `out` saves the system
        the making of fresh pages; where they are small, or float16, it gains nothing.

        Raises
        ------
        TypeError, ValueError
            As `forward`; if `memory` does not hold one row and one class; if `out` does not fit.
            Then nothing is written.  (An error in the middle, of too little memory say, leaves
            `out` half written, and good for the next step.)

        Examples
        --------
        >>> asm = AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs=[2, 4], div_value=2.0, rng=0)
        >>> grads = None
        >>> for step in range(3):
        ...     loss, grads = asm.loss_and_gradients(np.ones((2, 4)), np.array([0, 5]), out=grads)
        """
        x, y, parameters, dtype = self._examples(input, target)
        if out is not None:
            self._check_out(out, input, target, y.shape, dtype)
        routing = route(y.reshape(-1), self._cutoffs, self.ignore_index)
        xp = array_namespace(x)
        wide = working_type(dtype)
        scale = max(routing.n_kept, 1) if self.reduction == "mean" else 1
        q = (xp.zeros(x.shape[0], dtype=wide) - 1) / scale                  # (N,)
        memory = integer("memory", memory, minimum=1)
        if out is not None and dtype == wide:           # asarray: subclasses have other products
            dx, tree = xp.asarray(out.input), out.parameters.map(xp.asarray)
        else:
            dx = xp.empty(x.shape, dtype=wide)
            tree = parameters.map(lambda leaf: xp.empty(leaf.shape, dtype=wide))
        output = fused.backpropagate(_parts(routing, parameters), x, q, memory,
                                     dx.reshape(x.shape), _leaves(tree))
        loss = self._reduce(output, routing.n_kept)
        gradients = self._result(dx, tree, y.shape, dtype)
        if out is not None and dtype != wide:
            for leaf, found in zip(out.by_path().values(), gradients.by_path().values()):
                leaf[...] = found
        return (rounded(loss, dtype).reshape(loss.shape and y.shape)[()],
                gradients if out is None else out)

    def _check_out(self, out, input, target, shape, dtype):
        """Refuse an `out` into which the gradients of a batch cannot be written."""
        for name, value, kind in (("out", out, Gradients),
                                  ("parameters of out", getattr(out, "parameters", 0), Parameters)):
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be a {kind.__name__}, "
                                f"but found {type(value).__name__}")
        shapes = {"input": (*shape, self.in_features), **self._shapes()}
        read = {"input": input, "target": target, **dict(self._parameters.items())}
        checks.writable(out.by_path(), shapes, dtype, read)

    def _examples(self, input, target):
        """The checked batch: rows (N, D), targets, weights to compute with, dtype of results."""
        parameters = self._parameters
        xp = array_namespace(input, target, parameters.head.weight)
        y = checks.targets(target, xp)
        x = checks.floats("input", input, self.dtype, xp)
        checks.batch(x, y, self.in_features)
        checks.features(x, self.in_features)
        x, parameters, dtype = self._to_working(x, parameters)
        return x, y, parameters, dtype

    def _to_working(self, x, parameters):
        """Rows (N, D) and weights in the precision to compute in, and the dtype of the results."""
        dtype = result_type(x.dtype, self.dtype)
        rows = x.reshape(-1, self.in_features)
        if dtype != np.float16:
            return rows, parameters, dtype
        wide = working_type(dtype)
        return rows.astype(wide), parameters.map(lambda leaf: leaf.astype(wide)), dtype

    def _cache(self, x, routing, parameters, shape, dtype):
        """What backward needs of the rows that `routing` sends through head and tails."""
        head, hidden, tails = self._logits(x, routing, parameters)
        return Cache(x, routing, parameters, log_softmax(head), hidden,
                     tuple(map(log_softmax, tails)), shape, dtype)

    def _logits(self, x, routing, parameters):
        """Z of the head (M, K); S_i (N_i, H_i) and T_i (N_i, O_i) of the rows of each tail."""
        head = linear(x[routing.kept], parameters.head.weight, parameters.head.bias)
        hidden = tuple(linear(x[rows], cluster.projection.weight)
                       for rows, cluster in zip(routing.rows, parameters.tail))
        tails = tuple(linear(s, cluster.output.weight, cluster.output.bias)
                      for s, cluster in zip(hidden, parameters.tail))
        return head, hidden, tails

    def _gather(self, cache):
        """Log-probability of each row's target, 0 for an ignored row: (N,)."""
        xp = array_namespace(cache.input)
        routing = cache.routing
        output = xp.zeros(cache.input.shape[0], dtype=working_type(cache.dtype))
        output[routing.kept] = pick(cache.head_log_prob, routing.head_column)
        for rows, place, log_p in zip(routing.rows, routing.relative_target, cache.tail_log_prob):
            output[rows] += pick(log_p, place)          # rows of a tail: no index repeats
        return output

    def _reduce(self, output, n_kept):
        """The loss of the outputs (N,): a scalar, or (N,) with reduction "none"."""
        if self.reduction == "none":
            return 0 - output                           # and not -output: 0 - 0 is +0
        total = (0 - output).sum()
        if self.reduction == "sum":
            return total
        return total / n_kept if n_kept else total * float("nan")

    def _upstream(self, cache, grad_output, grad_loss):
        """q = dL/d output, through `output` and through `loss` together: (N,)."""
        xp = array_namespace(cache.input)
        one_a_row = self.reduction == "none" and ndim(grad_loss)
        s = checks.upstream("grad_loss", grad_loss, "loss", cache.shape if one_a_row else (),
                            cache.dtype, xp).reshape(-1)                # (1,) or (N,)
        if self.reduction == "mean":
            s = s / max(cache.routing.n_kept, 1)
        q = xp.zeros(cache.input.shape[0], dtype=s.dtype) - s
        if grad_output is None:
            return q
        return q + checks.upstream("grad_output", grad_output, "output", cache.shape,
                                   cache.dtype, xp).reshape(-1)

    def _logit_gradients(self, cache, q):
        """dZ of the head (M, K) and dT_i of every tail (N_i, O_i)."""
        routing = cache.routing
        head = pick_backward(cache.head_log_prob, routing.head_column, q[routing.kept])
        tails = tuple(pick_backward(log_p, place, q[rows]) for log_p, place, rows
                      in zip(cache.tail_log_prob, routing.relative_target, routing.rows))
        return head, tails

    def _pull_back(self, cache, dhead, dtails):
        """`Gradients` from those of the logits; and dS_i of every tail (N_i, H_i).

        Forward was  S = x[rows] Pᵀ,  T = S Uᵀ  in each tail, and  Z = x[kept] Wᵀ + b;  here each
        runs in reverse.
        """
        xp = array_namespace(cache.input)
        x, routing, parameters = cache.input, cache.routing, cache.parameters
        wide = result_type(working_type(cache.dtype), dhead.dtype, *(dt.dtype for dt in dtails))
        dx = xp.zeros(x.shape, dtype=wide)                                  # (N, D)
        tail, dhidden = [], []
        for i, (cluster, rows) in enumerate(zip(parameters.tail, routing.rows)):
            ds, output = _linear_backward(dtails[i], cache.tail_hidden[i], cluster.output)
            dx_rows, projection = _linear_backward(ds, x[rows], cluster.projection)
            dx[rows] += dx_rows                         # rows of a tail: no index repeats
            tail.append(Cluster(projection, output))
            dhidden.append(ds)
        dx_kept, head = _linear_backward(dhead, x[routing.kept], parameters.head)
        dx[routing.kept] += dx_kept
        dtype = wide if wide.kind == "c" else result_type(cache.dtype)
        tree = Parameters(head, tuple(tail))
        return self._result(dx, tree, cache.shape, dtype), tuple(dhidden)

    def _result(self, dx, tree, shape, dtype):
        """`Gradients` in the shape of the input and the dtype of results."""
        tree = tree.map(lambda leaf: rounded(leaf, dtype))
        return Gradients(rounded(dx, dtype).reshape(*shape, self.in_features), tree)

    # ---------------------------------------------------------------- the whole distribution

    def log_prob(self, input):
        """Log-probability of every class.

        Parameters
        ----------
        input : (N, D), (D,) or (..., D) floating array

        Returns
        -------
        (..., C) array, nats
            exp of it sums to 1 along the last axis.

        Raises
        ------
        TypeError, ValueError
            As `forward` does for its input.

        Notes
        -----
        No transfer from the device.  All rows go through all tails: it costs as much as a full
        softmax of these hidden sizes.
        """
        x, parameters, dtype, shape = self._rows(input)
        xp = array_namespace(x)
        head = log_softmax(linear(x, parameters.head.weight, parameters.head.bias))         # (N, K)
        result = xp.empty((x.shape[0], self.n_classes),
                          dtype=result_type(x.dtype, working_type(dtype)))
        result[:, :self.shortlist_size] = head[:, :self.shortlist_size]
        for i, cluster in enumerate(parameters.tail):
            tail = result[:, self._cutoffs.classes(i)]                      # (N, O_i), a view
            hidden = linear(x, cluster.projection.weight)
            linear(hidden, cluster.output.weight, cluster.output.bias, out=tail)
            column = head[:, self._cutoffs.column(i)]
            over_rows(lambda rows: normalise(tail[rows], column[rows]), tail)
        return rounded(result, dtype).reshape(*shape, self.n_classes)

    def log_prob_backward(self, input, grad_log_prob):
        """Gradients of Σ grad_log_prob · log_prob(input).

        The short-list's columns of the head receive their own gradient, the column of a tail the
        sum of its classes'; then each log-softmax and linear map is transposed.

        Parameters
        ----------
        input : (..., D) floating array
        grad_log_prob : (..., C) array
            dL/d log_prob.

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError
            If `grad_log_prob` does not have the shape of log_prob(input).

        Notes
        -----
        No transfer from the device.  The forward is computed again; nothing of `log_prob` has to be
        kept.
        """
        x, parameters, dtype, shape = self._rows(input)
        xp = array_namespace(x, grad_log_prob)
        grad = checks.upstream("grad_log_prob", grad_log_prob, "log_prob",
                               (*shape, self.n_classes), dtype, xp)
        grad = grad.reshape(-1, self.n_classes)                             # (N, C)
        parts = [grad[:, self._cutoffs.classes(i)] for i in range(self.n_clusters)]
        columns = [part.sum(-1)[:, None] for part in parts]
        dhead = xp.concatenate([grad[:, :self.shortlist_size], *columns], axis=1)   # (N, K)
        cache = self._cache(x, self._everywhere(x), parameters, shape, dtype)
        gradients, _ = self._pull_back(
            cache, log_softmax_backward(cache.head_log_prob, dhead),
            tuple(map(log_softmax_backward, cache.tail_log_prob, parts)))
        return gradients

    def _rows(self, input):
        """Rows (N, D), weights, the dtype of results, and the leading shape of `input`."""
        parameters = self._parameters
        xp = array_namespace(input, parameters.head.weight)
        x = checks.floats("input", input, self.dtype, xp)
        checks.features(x, self.in_features)
        return *self._to_working(x, parameters), x.shape[:-1]

    def _everywhere(self, x):
        """The routing of every row of x (N, D) through every tail."""
        return Routing(None, slice(None), x.shape[0], None, (slice(None),) * self.n_clusters, ())

    # ---------------------------------------------------------------- classes

    def predict(self, input):
        """The most probable class; the lowest if several are equal.

        Parameters
        ----------
        input : (N, D), (D,) or (..., D) floating array

        Returns
        -------
        (...) int64 array

        Notes
        -----
        Exact, not greedy: where a tail's column wins the head, the best class may still be in
        the short-list.  A tail is opened only for the rows whose best class it may hold.  A
        row with nan answers 0.  One transfer from the device, and at most one more for each tail
        opened.
        """
        x, parameters, _, shape = self._rows(input)
        return search.predict(x, parameters, self._cutoffs).reshape(shape)[()]

    def topk(self, input, k):
        """The `k` most probable classes with their log-probabilities, best first.

        Parameters
        ----------
        input : (N, D), (D,) or (..., D) floating array
        k : int
            0 <= k <= n_classes.

        Returns
        -------
        TopK
            `log_prob` (..., k), nats, and `index` (..., k), int64; of equal ones the lower class
            first.

        Raises
        ------
        ValueError, TypeError
            If k is out of range or no integer.

        Notes
        -----
        A tail is opened only for the rows in which it may hold one of the k best.  One transfer
        from the device, and at most one more for each tail opened; none for k = 0.
        """
        k = integer("k", k)
        if not 0 <= k <= self.n_classes:
            raise ValueError(f"selected index k out of range: k is {k}, n_classes {self.n_classes}")
        x, parameters, dtype, shape = self._rows(input)
        values, index = search.topk(x, parameters, self._cutoffs, k)
        return TopK(rounded(values, dtype).reshape(*shape, k), index.reshape(*shape, k))

    def sample(self, input, rng):
        """One class drawn from the distribution of each row.

        Parameters
        ----------
        input : (N, D), (D,) or (..., D) floating array
        rng
            Seed or generator, as `numpy.random.default_rng` takes it; draws rng.random((rows, 2)).

        Returns
        -------
        (...) int64 array

        Raises
        ------
        ValueError
            If a row's probabilities are nan.

        Notes
        -----
        Exact: first a column of the head is drawn, then, if it is a tail's, a class of the
        tail.  One transfer from the device; a second one where input or weights are not finite,
        or so large that a tail might be nan.
        """
        x, parameters, _, shape = self._rows(input)
        u = np.random.default_rng(rng).random((x.shape[0], 2))
        u = array_namespace(x).asarray(u)
        return search.sample(x, parameters, self._cutoffs, u).reshape(shape)[()]

    # ---------------------------------------------------------------- state: see state.py

    state_dict = state.state_dict
    load_state_dict = state.load_state_dict
    from_state_dict = classmethod(state.from_state_dict)
    with_parameters = state.with_parameters

    def _shapes(self):
        return state.shapes(self.in_features, self._cutoffs, self.hidden_sizes, self.head_bias,
                            self.tail_bias)


def _parts(routing, parameters):
    """The head and the tails, and what of the batch goes through."""
    rows = (routing.kept, *routing.rows)
    index = (routing.head_column, *routing.relative_target)
    return [fused.SubSoftmax(*part) for part in zip(rows, index, *zip(*_leaves(parameters)))]


def _leaves(tree):
    """(projection, weight, bias) of the head and of each tail, None for what is not there."""
    tails = [(cluster.projection.weight, cluster.output.weight, cluster.output.bias)
             for cluster in tree.tail]
    return [(None, tree.head.weight, tree.head.bias), *tails]


def _linear_backward(dy, x, map):
    """dx (N, I), and of a linear map the gradients of its weight and bias, a `Linear`."""
    dx, dweight = linear_backward(dy, x, map.weight)
    return dx, Linear(dweight, None if map.bias is None else bias_backward(dy))
