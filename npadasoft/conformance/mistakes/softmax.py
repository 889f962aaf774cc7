"""The log-softmax of head and tails, and what is put in its place."""
import numpy as np

from npadasoft.conformance.mistakes.forward import ALL
from npadasoft.conformance.mistakes.formulas import log_softmax
from npadasoft.conformance.mistakes.known import ACCURACY, ROSINALITY, SCORES, Layer, known

HEAD = ("head_log_prob", *ALL, "grad.head_logits")
TAIL = ("tail.*.log_prob", *ALL, "grad.tail.*.logits")
EVERY = (*SCORES, *ALL, "grad.head_logits", "grad.tail.*.logits")


def softmax(function, name="log_softmax"):
    """A method that replaces one log-softmax."""
    def method(self, z, *rest):
        return function(z) if z.size else z
    method.__name__ = name
    return method


def textbook(z):
    t = z - z.max(-1, keepdims=True)
    return t - np.log(np.exp(t).sum(-1, keepdims=True))


@known("log Σ exp instead of log1p: the loss of a confident row is 0", *EVERY, link=ACCURACY)
class textbook_log_softmax(Layer):
    log_softmax = softmax(textbook)


def folded(z):
    m = z.max(-1, keepdims=True)
    return z - (m + np.log(np.exp(z - m).sum(-1, keepdims=True)))


@known("z - logsumexp(z): large scores cost digits", *EVERY, link=ACCURACY)
class folded_log_sum_exp(Layer):
    log_softmax = softmax(folded)


def unshifted(z):
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


@known("nothing is subtracted from the scores before exp: it overflows", *EVERY, link=ACCURACY)
class no_shift(Layer):
    log_softmax = softmax(unshifted)


@known("nothing is subtracted from the scores of a tail before exp: it overflows", *TAIL)
class no_shift_in_tails(Layer):
    def tail_log_softmax(self, z, x, i):
        return unshifted(z)


@known("nothing is subtracted from the scores of the head before exp: it overflows", *HEAD)
class no_shift_in_the_head(Layer):
    def head_log_softmax(self, z):
        return unshifted(z) if self.J and z.size else super().head_log_softmax(z)


@known("the largest score of the whole batch is subtracted, not that of the row", *EVERY)
class shift_of_the_batch(Layer):
    log_softmax = softmax(
        lambda z: (z - z.max()) - np.log(np.exp(z - z.max()).sum(-1, keepdims=True)))


@known("a row's first score is subtracted, not its largest", *EVERY)
class shift_by_the_first(Layer):
    log_softmax = softmax(
        lambda z: (z - z[:, :1]) - np.log(np.exp(z - z[:, :1]).sum(-1, keepdims=True)))


@known("the shift is not put back: z - log Σ exp(z - max)", *EVERY)
class shift_not_put_back(Layer):
    log_softmax = softmax(
        lambda z: z - np.log(np.exp(z - z.max(-1, keepdims=True)).sum(-1, keepdims=True)))


def probabilities(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@known("the logarithm of a softmax: log of 0 where a probability underflows", *EVERY,
       link=ACCURACY)
class log_of_softmax(Layer):
    log_softmax = softmax(lambda z: np.log(probabilities(z)))


def log_of_more(n):
    """log(p + 10^-n)."""
    return softmax(lambda z: np.log(probabilities(z) + z.dtype.type(10.0 ** -n)))


for n in (12, 10, 9, 8, 7, 6):
    known(f"1e-{n} is added to probabilities before the logarithm", *EVERY)(type(
        f"epsilon_of_1e_{n}_in_the_logarithm", (Layer,), {"log_softmax": log_of_more(n)}))


@known("probabilities are clipped to [1e-7, 1 - 1e-7]", *EVERY)
class probabilities_clipped(Layer):
    log_softmax = softmax(lambda z: np.log(np.clip(
        probabilities(z), z.dtype.type(1e-7), z.dtype.type(1 - 1e-7))))


@known("the softmax runs over the batch instead of the classes", *EVERY)
class softmax_over_the_batch(Layer):
    log_softmax = softmax(lambda z: log_softmax(np.ascontiguousarray(z.T)).T)


@known("logarithms are to base 2", *EVERY)
class logarithm_to_base_two(Layer):
    log_softmax = softmax(lambda z: log_softmax(z) / z.dtype.type(np.log(2.0)))


@known("probabilities stand where log-probabilities are due", *EVERY)
class probabilities_for_logarithms(Layer):
    log_softmax = softmax(probabilities)


@known("sigmoids stand where a softmax is due", *EVERY)
class sigmoids(Layer):
    log_softmax = softmax(lambda z: -np.logaddexp(0, -z))


@known("scores are not normalised", *EVERY)
class not_normalised(Layer):
    log_softmax = softmax(lambda z: z)


def without_maxima(z):
    t = z - z.max(-1, keepdims=True)
    return t - np.log1p(np.where(t == 0, 0, np.exp(t)).sum(-1, keepdims=True))


@known("every score that equals the largest is left out of the sum, not one", *EVERY)
class ties_left_out_of_the_sum(Layer):
    log_softmax = softmax(without_maxima)


@known("sums of exponentials are kept in float32", *EVERY)
class sums_of_single_precision(Layer):
    def log_softmax(self, z):
        t = z - z.max(-1, keepdims=True) if z.size else z
        return t - np.log(np.exp(t).astype(np.float32).sum(-1, keepdims=True)).astype(z.dtype)


@known("the shortlist is one softmax and the tails are another", *HEAD)
class clusters_beside_the_softmax(Layer):
    def head_log_softmax(self, z):
        return np.concatenate([self.log_softmax(z[:, :self.s]), self.log_softmax(z[:, self.s:])],
                              axis=1)


@known("the tails' columns are left out of the head's softmax", *HEAD)
class clusters_left_out_of_the_sum(Layer):
    def head_log_softmax(self, z):
        if not z.size:
            return z
        rest = self.log_softmax(z[:, :self.s])
        return np.concatenate([rest, z[:, self.s:] + (rest - z[:, :self.s])[:, :1]], axis=1)


@known("the head is not normalised", *HEAD, link=ROSINALITY)
class head_not_normalised(Layer):
    def head_log_softmax(self, z):
        return z


@known("tails are not normalised", *TAIL, link="https://github.com/facebookresearch/fairseq")
class tails_not_normalised(Layer):
    def tail_log_softmax(self, z, x, i):
        return z


@known("one softmax runs over all tails together", *TAIL)
class one_softmax_over_all_tails(Layer):
    def tail_log_softmax(self, z, x, i):
        every = np.concatenate([self.tail_logits(self.hidden(x, j), j) for j in range(self.J)], 1)
        low = self.edges[i] - self.s
        return self.log_softmax(every)[:, low:low + z.shape[1]]
