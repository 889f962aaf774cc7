"""What an answer must satisfy whatever its numbers are: laws that need no stored value.

    exp(log_prob) sums to 1        output is log_prob at the target        loss is the negated mean
    predict is the argmax          rows of grad.head_logits sum to 0
    topk.index names a class once

How far each may be off follows from the inputs: a logit of D terms errs by at most (D+1) u
Σ|x||w|, a log-probability by twice that and by the rounding of one log-softmax.  Rows with numbers
that are not finite are left out.
"""
import math
from functools import lru_cache

import numpy as np

from npadasoft.conformance.judge.compare import Comparison, Key, Worst, values
from npadasoft.conformance.judge.numbers import round_to, tiny, unit

K = 8                                   # what exp, log and log1p may err by, in u


def check_laws(case, dtype, got):
    """The laws that an answer breaks.

    Parameters
    ----------
    case : mapping
    dtype : str
    got : mapping
        Tensor name -> float64 array.

    Returns
    -------
    list of Comparison
        One a broken law, with a message; empty if all hold.
    """
    if "input" not in case["inputs"]:
        return []                                                       # no softmax
    got = {name: round_to(a, dtype) for name, a in got.items()}
    with np.errstate(all="ignore"):
        slack = log_prob_slack(case) * unit(dtype) + tiny(dtype)        # (N,)
        broken = [law(case, dtype, got, slack) for law in _LAWS if _has(got, law)]
    return [b for b in broken if b is not None]


def log_prob_slack(case):
    """A bound on the error of any log-probability of each row, in u: (N,)."""
    return _log_prob_slack(Key(case, case["config"], case["inputs"], case["params"]))


@lru_cache(maxsize=512)
def _log_prob_slack(key):
    case, config, *_ = key.objects
    x = np.abs(_rows(case))                                             # (N, D)
    edges = [*config["cutoffs"], config["n_classes"]]
    weight = {name: np.abs(values(t)) for name, t in case["params"].items()}
    size = x @ weight["head.weight"].T + weight.get("head.bias", 0.0)   # (N, K)
    slack = _softmax_slack(size.max(-1), x.shape[1] + 1, size.shape[1])
    tails = []
    for i in range(len(edges) - 1):
        first, second = weight[f"tail.{i}.0.weight"], weight[f"tail.{i}.1.weight"]
        size = x @ first.T @ second.T + weight.get(f"tail.{i}.1.bias", 0.0)     # (N, O)
        tails.append(_softmax_slack(size.max(-1), sum(first.shape), size.shape[1]))
    return slack + np.max(tails, axis=0) if tails else slack


def _softmax_slack(size, n_terms, n):
    """Bound on |Δ log p| in u, for logits of at most `size` that are sums of `n_terms` products."""
    entropy = math.log(n)
    logits = 2 * n_terms * size                             # of the logits, and of the logsumexp
    shift = (size + size + entropy) + 2 * size + entropy    # |m| + |m + L|, and the entry itself
    return logits + shift + 2 * size + entropy + 2 * size + K + n + K * entropy


def _rows(case):
    x = values(case["inputs"]["input"])
    return x.reshape(-1, x.shape[-1])


def _targets(case):
    return values(case["inputs"]["target"]).astype(np.int64).ravel()


def _kept(case):
    ignored = case["config"].get("ignore_index")
    targets = _targets(case)
    return targets != ignored if ignored is not None else np.ones(targets.shape, bool)


def _flat(array):
    return array.reshape(-1, array.shape[-1])


def _has(got, law):
    return all(name in got for name in law.needs)


def _needs(*names):
    def mark(law):
        law.needs = names
        return law
    return mark


def _broken(tensor, off, allowed, text, got, want):
    """A Comparison if `off` exceeds `allowed` in some row, else None."""
    wrong = off > allowed
    if not wrong.any():
        return None
    row = int(np.where(wrong, off / np.maximum(allowed, 1e-300), -1).argmax())
    g, w = float(np.ravel(got)[row]), float(np.ravel(want)[row])
    return Comparison(tensor, True, int(wrong.sum()), message=text,
                      worst=Worst(tensor, (row,), g, w, float(np.ravel(allowed)[row]),
                                  float(np.ravel(off)[row] / max(np.ravel(allowed)[row], 1e-300))))


@_needs("log_prob")
def sums_to_one(case, dtype, got, slack):
    """exp(log_prob) sums to 1."""
    log_p = _flat(got["log_prob"])
    total = np.exp(log_p).sum(-1)                                       # (N,)
    allowed = total * slack + 4 * log_p.shape[1] * unit("float64")
    finite = np.isfinite(_rows(case)).all(-1) & ~np.isnan(log_p).any(-1)
    return _broken("log_prob", np.where(finite, np.abs(total - 1), 0.0), allowed,
                   "exp(log_prob) must sum to 1 in every row", total, np.ones_like(total))


@_needs("log_prob", "output")
def output_is_log_prob(case, dtype, got, slack):
    """output is log_prob at the target."""
    targets, output = np.where(_kept(case), _targets(case), 0), got["output"].ravel()
    log_p = _flat(got["log_prob"])[np.arange(targets.size), targets]
    allowed = 2 * (slack + unit(dtype) * np.abs(log_p))
    judged = np.isfinite(log_p) & np.isfinite(output) & _kept(case)
    return _broken("output", np.where(judged, np.abs(output - log_p), 0.0), allowed,
                   "output must be log_prob at the target", output, log_p)


@_needs("output", "loss")
def loss_is_the_mean(case, dtype, got, slack):
    """loss is the negated mean (or sum) of output, or -output."""
    kept, output = _kept(case), got["output"].ravel()
    reduction = case["config"].get("reduction", "mean")
    if reduction == "none" or not kept.any() or not np.isfinite(output[kept]).all():
        return None
    n, total = int(kept.sum()), -float(output[kept].sum())
    want = total / n if reduction == "mean" else total
    allowed = np.array([(n + 4) * unit(dtype) * abs(want) + tiny(dtype) * n])
    loss = got["loss"].ravel()
    return _broken("loss", np.abs(loss - want), allowed,
                   f"loss must be the negated {reduction} of output", loss, np.array([want]))


@_needs("log_prob", "predict")
def predict_is_the_argmax(case, dtype, got, slack):
    """predict is the argmax of log_prob, up to what rounding can tie."""
    log_p, predicted = _flat(got["log_prob"]), got["predict"].ravel()
    classes = np.clip(np.nan_to_num(predicted), 0, log_p.shape[1] - 1).astype(np.int64)
    best, chosen = log_p.max(-1), log_p[np.arange(len(log_p)), classes]
    finite = ~np.isnan(log_p).any(-1)
    legal = classes == predicted
    off = np.where(finite, np.where(legal, best - chosen, np.inf), 0.0)
    return _broken("predict", np.nan_to_num(off, nan=0.0, posinf=np.inf), 2 * slack,
                   "predict must be the argmax of log_prob", predicted, log_p.argmax(-1))


@_needs("topk.index")
def topk_is_of_different_classes(case, dtype, got, slack):
    """A row of topk.index names each class once, equally probable ones too."""
    index = np.sort(got["topk.index"], axis=-1)                         # (..., k)
    again = (index[..., 1:] == index[..., :-1]).sum(-1).ravel()         # (N,)
    k = np.full(again.shape, index.shape[-1])
    return _broken("topk.index", again, np.zeros(again.shape),
                   "topk.index must name k different classes in every row", k - again, k)


@_needs("grad.head_logits")
def head_gradients_cancel(case, dtype, got, slack):
    """The rows of grad.head_logits sum to 0."""
    dz = got["grad.head_logits"]
    upstream, kept = _upstream(case), _kept(case)
    if dz.shape[0] != kept.sum():
        return None
    q, n = upstream[kept], dz.shape[1]
    allowed = np.abs(q) * 2 * (slack[kept] + (K + n + 4) * unit(dtype)) + n * tiny(dtype)
    total = dz.sum(-1)
    return _broken("grad.head_logits", np.where(np.isfinite(total), np.abs(total), 0.0), allowed,
                   "the rows of grad.head_logits must sum to 0", total, np.zeros_like(total))


def _upstream(case):
    """|dL/d output|, at most, of each row: (N,)."""
    cotangents = {name: values(t) for name, t in case.get("cotangents", {}).items()}
    n = max(int(_kept(case).sum()), 1) if case["config"].get("reduction", "mean") == "mean" else 1
    loss = np.abs(cotangents.get("loss", np.zeros(()))) / n
    return np.abs(cotangents.get("output", np.zeros(_targets(case).shape))).ravel() + loss.ravel()


_LAWS = (sums_to_one, output_is_log_prob, loss_is_the_mean, predict_is_the_argmax,
         topk_is_of_different_classes, head_gradients_cancel)
