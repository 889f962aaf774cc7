"""Mistakes that other projects shipped, found by reading and by running them.

Each stands in a released version or in the newest source, where its own tests do not see it: a sum
compared with the mean times a count, a distribution that still sums to 1, shapes alone.
"""
import numpy as np

from npadasoft.conformance.mistakes.answers import BEST, predict_from_one
from npadasoft.conformance.mistakes.known import (DYNET, FLASHLIGHT, GRADIENTS, LOGIT_GRADIENTS,
                                                  MESH, TFMISS, Layer, known)
from npadasoft.conformance.mistakes.routing import PLACES, targets_from_one
from npadasoft.conformance.mistakes.unseen_backward import topk_from_one

BACKWARD = (*LOGIT_GRADIENTS, *GRADIENTS, "grad.tail.*.hidden")
LOSSES = FLASHLIGHT + "/blob/main/flashlight/fl/nn/modules/Loss.cpp"


@known("ignore_index is compared with the head's column and with the place in the tail, not with "
       "the class", "cluster", "head_column", "head_logits", "head_log_prob",
       "tail.*.relative_target", "tail.*.hidden", "tail.*.logits", "tail.*.log_prob", "output",
       "loss", *BACKWARD, link=LOSSES)
class ignore_index_compared_after_remapping(Layer):
    def ignored(self):
        ignored = self.config.get("ignore_index")
        inside = ignored is not None and 0 <= ignored < self.config["n_classes"]
        return ignored if inside else None

    def kept(self, y):
        return super().kept(y) if self.ignored() is None else np.ones(y.shape, bool)

    def output(self, f):
        if self.ignored() is None:
            return super().output(f)
        found = self.scored(f) * (f.column != self.ignored())
        for rows, b, place in zip(f.rows, f.b, f.place):
            found[rows] += self.pick(b, place) * (place != self.ignored())
        return found

    def reduce(self, output, f):
        total, counted = super().reduce(output, f), (f.y != self.ignored()).sum()
        mean = self.config.get("reduction", "mean") == "mean" and self.ignored() is not None
        return total * output.dtype.type(len(f.kept) / counted) if mean and counted else total

    def head_logit_gradient(self, f, q):
        return super().head_logit_gradient(f, q) * (f.column != self.ignored())[:, None]

    def tail_logit_gradient(self, f, q, i):
        return super().tail_logit_gradient(f, q, i) * (f.place[i] != self.ignored())[:, None]


@known("targets of n_classes and more are taken, and cost what class 0 costs", link=LOSSES)
class targets_beyond_cost_class_zero(Layer):
    def check_targets(self, y):
        return super().check_targets(np.where(y >= self.config["n_classes"], 0, y))


@known("hidden sizes are those of a divisor that is cut to an integer at each power",
       link=FLASHLIGHT + "/blob/main/flashlight/fl/nn/modules/AdaptiveSoftMax.cpp")
class divisor_cut_at_each_power(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        divisor = 1
        for _ in range(i + 1):
            divisor = int(divisor * div_value)
        return D // divisor


@known("the loss is the mean of the head's mean and each tail's own; a tail without rows counts "
       "as 0", "loss", link=TFMISS)
class loss_is_a_mean_of_means(Layer):
    def reduce(self, output, f):
        if self.config.get("reduction", "mean") != "mean" or not len(f.kept):
            return super().reduce(output, f)
        tails = [self.pick(b, place).mean() if len(place) else 0 for b, place in zip(f.b, f.place)]
        return 0 - (self.scored(f).mean() + sum(tails)) / (1 + self.J)


@known("rows outside a tail pay for that tail's class 0", "output", "loss", link=TFMISS)
class rows_pay_class_zero_of_other_tails(Layer):
    def output(self, f):
        found = super().output(f)
        for i, rows in enumerate(f.rows):
            others = np.setdiff1d(f.kept, rows)
            if len(others) and self.output_weight(i).size:
                b = self.tail_log_softmax(self.tail_logits(self.hidden(f.x[others], i), i),
                                          f.x[others], i)
                found[others] += b[:, 0]
        return found


@known("class 0 is taken for padding", "cluster", "head_column", "head_logits", "head_log_prob",
       "output", "loss", *BACKWARD, link=MESH)
class class_zero_is_padding(Layer):
    def kept(self, y):
        return super().kept(y) & (y != 0)


@known("a tail has room for half of the rows: the loss of those beyond is dropped", "output",
       "loss", *BACKWARD, link=MESH)
class rows_of_a_full_tail_dropped(Layer):
    def room(self, f):
        return max(-(-f.n // 2), 1)

    def output(self, f):
        found = super().output(f)
        for rows in f.rows:
            found[rows[self.room(f):]] = 0
        return found

    def head_logit_gradient(self, f, q):
        q = q.copy()
        for rows in f.rows:
            q[rows[self.room(f):]] = 0
        return super().head_logit_gradient(f, q)

    def tail_logit_gradient(self, f, q, i):
        found = np.array(super().tail_logit_gradient(f, q, i))
        found[self.room(f):] = 0
        return found


@known("log_prob adds a tail's probability, not its logarithm, and is normalised once more",
       "log_prob", *BEST, link=DYNET + "/blob/master/dynet/cfsm-builder.cc")
class cluster_probability_added(Layer):
    def all_classes(self, f):
        tails = [np.exp(f.a[:, self.log_prob_column(i), None]) + b for i, b in enumerate(f.b)]
        return self.log_softmax(np.concatenate([self.shortlist(f), *tails], axis=1))


@known("classes are counted from 1 where 0 is announced, on the way in and out", "cluster",
       *PLACES, *BEST)
class classes_counted_from_one(targets_from_one, predict_from_one, topk_from_one):
    pass
