"""Mistakes written by a reviewer who has not seen the cases: they judge the suite, it not them.

Here those of construction and forward; in `unseen_backward.py` those of backward, of all classes
and of state.  Write them as in the modules beside this one.  `Layer` (layer.py) says what can be
replaced:

    @known("what the port does, in one sentence", "tensor.with.which.it.begins")
    class name_of_the_mistake(Layer):
        def join(self, head, tail):
            return head

They are entered into the list, and judged, like all others.
"""
import math

import numpy as np

from npadasoft.conformance.mistakes.known import (GRADIENTS, LOGIT_GRADIENTS, SCORES, Layer,
                                                  known)
from npadasoft.conformance.ports.base import Refused

BACKWARD = (*LOGIT_GRADIENTS, *GRADIENTS)
ANSWERS = ("log_prob", "predict", "topk.log_prob", "topk.index", *GRADIENTS)


# ---------------------------------------------------------------- what makes a layer

@known("hidden sizes are quotients by exp((i + 1) log(div_value)), which is not quite the power")
class hidden_size_by_logarithms(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(D // math.exp((i + 1) * math.log(div_value)))


@known("hidden sizes are computed in float32")
class hidden_size_of_single_precision(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(np.float32(D) // np.float32(div_value) ** np.float32(i + 1))


@known("hidden sizes are rounded up")
class hidden_size_rounded_up(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return math.ceil(D / div_value ** (i + 1))


@known("a hidden size of 0 is refused")
class refuses_a_hidden_size_of_zero(Layer):
    @classmethod
    def shapes(cls, config):
        found = super().shapes(config)
        if any(0 in shape for shape in found.values()):
            raise Refused("config", "a hidden size of 0")
        return found

    def read(self, params):
        self.shapes(self.config)
        return params


@known("a div_value below 1, with tails wider than the input, is refused")
class refuses_a_div_value_below_one(Layer):
    @classmethod
    def check(cls, config):
        super().check(config)
        if config["div_value"] < 1:
            raise Refused("config", "div_value below 1")

    def read(self, params):
        self.check(self.config)
        return params


@known("a last tail of one class is refused: the cutoffs' bound is one too low")
class refuses_a_last_cluster_of_one_class(Layer):
    @classmethod
    def check(cls, config):
        super().check(config)
        if config["cutoffs"][-1] >= config["n_classes"] - 1:
            raise Refused("cutoffs", "the last cutoff is too large")

    def read(self, params):
        self.check(self.config)
        return params


@known("the head has a column too many: n_classes closes a tail and is counted as one")
class head_with_a_column_too_many(Layer):
    @classmethod
    def shapes(cls, config):
        found = super().shapes(config)
        rows, D = found["head.weight"]
        found["head.weight"] = (rows + 1, D)
        return found | ({"head.bias": (rows + 1,)} if "head.bias" in found else {})


@known("head_bias is taken for a bias everywhere: tails have one too")
class head_bias_on_tails_too(Layer):
    @classmethod
    def shapes(cls, config):
        found = super().shapes(config)
        tails = [name for name in found if name.endswith(".1.weight") and config["head_bias"]]
        return found | {f"{name[:-6]}bias": found[name][:1] for name in tails}


@known("the head has a bias among its weights whether it is asked for or not")
class head_bias_unasked(Layer):
    @classmethod
    def shapes(cls, config):
        found = super().shapes(config)
        return found | {"head.bias": found["head.weight"][:1]}


# ---------------------------------------------------------------- what is taken and refused

@known("features beyond in_features are dropped in silence")
class drops_surplus_features(Layer):
    def read_input(self, x):
        return x[..., :self.config["in_features"]]


@known("rows and targets are counted, not compared axis by axis")
class batch_axes_not_compared(Layer):
    def check_batch(self, x, y):
        if x[..., 0].size == y.size:
            y = y.reshape(x.shape[:-1])
        return super().check_batch(x, y)


@known("one target serves all rows: it is broadcast in silence")
class one_target_for_all_rows(Layer):
    def check_batch(self, x, y):
        if y.size == 1 and x[..., 0].size > 1:
            y = np.broadcast_to(y.reshape(-1), x.shape[:-1])
        return super().check_batch(x, y)


@known("an empty batch is refused")
class refuses_an_empty_batch(Layer):
    def check_batch(self, x, y):
        if not y.size:
            raise Refused("shape", "there are no rows")
        return super().check_batch(x, y)


@known("targets are checked before those to ignore are taken out")
class targets_checked_before_ignored(Layer):
    def kept(self, y):
        self.check_targets(y)
        return super().kept(y)


@known("an ignore_index of 0 counts as none: it is tested for truth",
       "cluster", "head_column", *SCORES, "head_logits", "output", "loss", *BACKWARD)
class ignore_index_of_zero_is_none(Layer):
    def kept(self, y):
        return super().kept(y) if self.config.get("ignore_index") else np.ones(y.shape, bool)


@known("an ignore_index that is a class is not honoured: padding is taken to lie outside",
       "cluster", "head_column", *SCORES, "head_logits", "output", "loss", *BACKWARD)
class ignore_index_that_is_a_class(Layer):
    def kept(self, y):
        ignored = self.config.get("ignore_index")
        inside = ignored is not None and 0 <= ignored < self.config["n_classes"]
        return np.ones(y.shape, bool) if inside else super().kept(y)


@known("an ignore_index of n_classes or more is refused: targets are checked against it from above")
class refuses_padding_above_the_classes(Layer):
    def kept(self, y):
        if y.size and y.max() >= self.config["n_classes"]:
            raise Refused("target", f"{y.max()}")
        return super().kept(y)


@known("with a negative ignore_index every negative target is ignored")
class ignores_every_negative_target(Layer):
    def kept(self, y):
        ignored = self.config.get("ignore_index")
        return super().kept(y) if ignored is None or ignored >= 0 else y >= 0


# ---------------------------------------------------------------- forward

@known("a tail's rows are numbered among those that count, and so are looked up in the batch",
       "tail.*.hidden", "tail.*.logits", "tail.*.log_prob", "output", "loss", *BACKWARD)
class rows_numbered_without_the_ignored(Layer):
    def through(self, f):
        everything, f.x = f.x, f.x.copy()
        places = np.flatnonzero(self.cluster(f.y) > 0)
        moved = f.kept[places]
        f.x[moved] = everything[places]
        kept = everything[f.kept]
        z = self.head_logits(kept)
        super().through(f)
        f.x, f.z, f.a = everything, z, self.head_log_softmax(z)


@known("a tail of one class loses its axis: its softmax runs over the rows", "tail.*.log_prob",
       "log_prob", "predict", "topk.log_prob", "topk.index", *GRADIENTS)
class tail_of_one_class_squeezed(Layer):
    def tail_log_softmax(self, z, x, i):
        return self.log_softmax(z.T).T if z.shape[1] == 1 else self.log_softmax(z)


@known("a tail without hidden units is left out: its classes do not share the tail",
       "tail.*.log_prob", "log_prob", "predict", "topk.log_prob", "topk.index", *GRADIENTS)
class tail_without_hidden_units_left_out(Layer):
    def tail_log_softmax(self, z, x, i):
        return super().tail_log_softmax(z, x, i) * bool(self.projection(i).shape[0])


@known("a tail with a single row is skipped: more than one is asked for instead of at least one",
       "output", "loss", "grad.tail.*.logits", "grad.tail.*.hidden", *GRADIENTS)
class tail_with_a_single_row_skipped(Layer):
    def output(self, f):
        found = super().output(f)
        for rows, b, place in zip(f.rows, f.b, f.place):
            if len(rows) == 1:
                found[rows] = self.pick(f.a, f.column)[f.kept == rows]
        return found

    def tail_logit_gradient(self, f, q, i):
        return super().tail_logit_gradient(f, q, i) * (len(f.rows[i]) != 1)


@known("nan among the scores of the head becomes 0", "head_logits", *SCORES, "output", "loss",
       "log_prob", "predict", *BACKWARD)
class nan_made_zero(Layer):
    def head_logits(self, x):
        z = super().head_logits(x)
        return np.where(np.isnan(z), z.dtype.type(0), z)


@known("scores of -inf in the head become the lowest finite number", "head_logits", *SCORES,
       "output", "loss", "log_prob", "topk.log_prob", *BACKWARD)
class minus_infinity_made_finite(Layer):
    def head_logits(self, x):
        z = super().head_logits(x)
        return np.maximum(z, np.finfo(z.dtype).min)


@known("a tail as wide as the input has no projection", "tail.*.hidden", "tail.*.logits", *SCORES,
       "output", "loss", *ANSWERS)
class no_projection_where_sizes_agree(Layer):
    def hidden(self, x, i):
        H, D = self.projection(i).shape
        return x if H == D else super().hidden(x, i)

    def tail_to_input(self, ds, i):
        H, D = self.projection(i).shape
        return ds if H == D else super().tail_to_input(ds, i)


@known("ignored rows have the output of class 0: only their loss is masked", "output")
class output_of_ignored_rows(Layer):
    def output(self, f):
        found = super().output(f)
        ignored = np.setdiff1d(np.arange(f.n), f.kept)
        if len(ignored):
            found[ignored] = self.head_log_softmax(self.head_logits(f.x[ignored]))[:, 0]
        return found

    def reduce(self, output, f):
        masked = np.zeros_like(output)
        masked[f.kept] = output[f.kept]
        return super().reduce(masked, f)


@known("the mean over no rows is 0: its denominator is at least 1", "loss")
class mean_of_nothing_is_zero(Layer):
    def reduce(self, output, f):
        return super().reduce(output, f) if len(f.kept) else output.sum()


# ---------------------------------------------------------------- layouts

@known("the input is read column by column", "head_logits", "tail.*.hidden", *SCORES, "output",
       "loss", "cluster", *ANSWERS, *BACKWARD)
class input_read_by_columns(Layer):
    def read_input(self, x):
        return x.ravel().reshape(x.shape, order="F")


@known("batch axes of the input are flattened column by column, those of targets row by row",
       "head_logits", "tail.*.hidden", *SCORES, "output", "loss", *ANSWERS, *BACKWARD)
class batch_axes_flattened_by_columns(Layer):
    def read_input(self, x):
        return x.reshape((-1, x.shape[-1]), order="F").reshape(x.shape)


@known("log_prob is laid out column by column", "log_prob")
class log_prob_laid_out_by_columns(Layer):
    def log_prob(self, x):
        found = super().log_prob(x)
        return found.ravel(order="F").reshape(found.shape)


@known("cotangents of log_prob are read column by column", *GRADIENTS)
class cotangents_of_log_prob_read_by_columns(Layer):
    def log_prob_backward(self, x, grad):
        return super().log_prob_backward(x, grad.ravel().reshape(grad.shape, order="F"))
