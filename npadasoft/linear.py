"""The head alone: the cross-entropy of a linear map over all classes, the loss of most models.

    N rows   M rows that count   D in_features   C n_classes   ε label_smoothing

With z = x · weightᵀ + bias and ℓ = log_softmax(z), a row of class y costs

    -(1 - ε) ℓ[y] - ε/C Σ_k ℓ[k]

It is what an adaptive softmax without tails would be; the layer itself refuses empty cutoffs, as
the paper's layer and PyTorch's do.  The numerics are the layer's: a confident row keeps its loss
and its gradient, and the gradients come from one pass in blocks that a bound on memory allows.
"""
from dataclasses import dataclass
from typing import Any

from npadasoft import checks, fused
from npadasoft.arrays import array_namespace, working_type
from npadasoft.functional import (bias_backward, linear, linear_backward, log_softmax, pick,
                                  pick_backward)

MEMORY = 2**26          # bytes of a pass, unless told otherwise
REDUCTIONS = ("mean", "sum", "none")


@dataclass(frozen=True)
class LinearCrossEntropy:
    """Cross-entropy of a linear map.

    Parameters
    ----------
    weight : (C, D) array
    bias : (C,) array, optional
    ignore_index : int or None, default -100
        Rows of this target cost nothing and do not count in the mean.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float in [0, 1], default 0

    Examples
    --------
    >>> import numpy as np
    >>> head = LinearCrossEntropy(np.array([[60.0], [0.0]]))
    >>> float(head.loss(np.ones((1, 1)), np.array([0])))            # exp(-60), and not 0
    8.75651076269652e-27
    >>> _, grads = head.loss_and_gradients(np.ones((1, 1)), np.array([0]))
    >>> float(grads["weight"][1, 0])
    8.75651076269652e-27
    """

    weight: Any
    bias: Any = None
    ignore_index: int | None = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0

    def __post_init__(self):
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction should be one of {', '.join(REDUCTIONS)}, but found "
                             f"{self.reduction!r}")
        if not 0 <= self.label_smoothing <= 1:
            raise ValueError("label_smoothing should be in [0, 1], but found "
                             f"{self.label_smoothing}")
        if self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            raise ValueError(f"bias should have shape {self.weight.shape[:1]}, but found "
                             f"{self.bias.shape}")

    def loss(self, input, target):
        """The loss of input (N, D) and target (N,): a number, or (N,) if it is not reduced."""
        kept, x, y, weight, bias = self._read(input, target)
        log_p = log_softmax(linear(x, weight, bias))                        # (M, C)
        return self._reduced(self._scores(log_p, y), kept, input.dtype)

    def loss_and_gradients(self, input, target, grad_loss=1.0, memory=MEMORY):
        """The loss, and {"input", "weight", "bias"}: dL/d(each), where grad_loss = dL/d loss.

        Parameters
        ----------
        input : (N, D) array
        target : (N,) integer array
        grad_loss : float, or (N,) array if the loss is not reduced
        memory : int
            Bytes beside the result: blocks of rows, and of classes where that is not enough.
            With label smoothing all scores are kept, whatever it is.

        Raises
        ------
        ValueError
            If a target is neither a class nor ignored, or shapes do not fit, or `memory` does not
            hold one row and one class.
        """
        xp = array_namespace(input, self.weight)
        kept, x, y, weight, bias = self._read(input, target)
        grad = xp.zeros(kept.shape, dtype=x.dtype) + xp.asarray(grad_loss, dtype=x.dtype)
        q = -grad[kept] / (max(len(y), 1) if self.reduction == "mean" else 1)
        pass_ = self._smoothed if self.label_smoothing else self._blocked
        scores, dx, dweight, dbias = pass_(x, y, weight, bias, q, memory)
        full = xp.zeros(input.shape, dtype=input.dtype)
        full[kept] = dx.astype(input.dtype)
        grads = {"input": full, "weight": dweight.astype(input.dtype)}
        if bias is not None:
            grads["bias"] = dbias.astype(input.dtype)
        return self._reduced(scores, kept, input.dtype), grads

    def _read(self, input, target):
        """Which rows count, and those rows, in the type that is computed in."""
        xp = array_namespace(input, self.weight)
        C, D = self.weight.shape
        checks.features(input, D)
        if target.shape != input.shape[:-1]:
            raise ValueError(f"target should have shape {input.shape[:-1]}, but found "
                             f"{target.shape}")
        kept = xp.ones(target.shape, dtype=bool)
        if self.ignore_index is not None:
            kept = target != self.ignore_index
        y = target[kept]
        if y.size and bool(((y < 0) | (y >= C)).any()):
            bad = y[(y < 0) | (y >= C)][0]
            raise ValueError(f"Target values should be in [0, {C - 1}], but found {int(bad)}")
        wide = working_type(input.dtype)
        weight, bias = (None if a is None else a.astype(wide) for a in (self.weight, self.bias))
        return kept, input[kept].astype(wide), y, weight, bias

    def _scores(self, log_p, y):
        """(1 - ε) ℓ[y] + ε mean ℓ of each row."""
        chosen = pick(log_p, y)
        if not self.label_smoothing:
            return chosen
        return (1 - self.label_smoothing) * chosen + self.label_smoothing * log_p.mean(-1)

    def _reduced(self, scores, kept, dtype):
        xp = array_namespace(scores)
        if self.reduction == "none":
            cost = xp.zeros(kept.shape, dtype=dtype)
            cost[kept] = (0 - scores).astype(dtype)
            return cost
        total = 0 - scores.sum()
        if self.reduction == "mean":
            total = total / len(scores) if len(scores) else total * xp.nan
        return total.astype(dtype)

    def _blocked(self, x, y, weight, bias, q, memory):
        """Scores and gradients in blocks: nothing of size (M, C) is kept."""
        xp = array_namespace(x)
        dx, dweight = xp.empty(x.shape, dtype=x.dtype), xp.empty(weight.shape, dtype=x.dtype)
        dbias = None if bias is None else xp.empty(bias.shape, dtype=x.dtype)
        part = fused.SubSoftmax(slice(None), y, None, weight, bias)
        scores = fused.backpropagate([part], x, q, memory, dx, [(None, dweight, dbias)])
        return scores, dx, dweight, dbias

    def _smoothed(self, x, y, weight, bias, q, memory):
        """The same with ε: dz = q (1 - ε) (δ - p) + q ε (1/C - p)."""
        xp, e = array_namespace(x), self.label_smoothing
        log_p = log_softmax(linear(x, weight, bias))
        dz = pick_backward(log_p, y, (1 - e) * q)
        dz += (e * q)[:, None] * (1 / weight.shape[0] - xp.exp(log_p))
        dx, dweight = linear_backward(dz, x, weight)
        return self._scores(log_p, y), dx, dweight, None if bias is None else bias_backward(dz)
