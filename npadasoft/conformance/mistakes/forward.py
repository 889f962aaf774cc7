"""Scores, the sum of head and tail, and the loss."""
import numpy as np

from npadasoft.conformance.mistakes.formulas import linear
from npadasoft.conformance.mistakes.known import (AWD_LSTM, HF, PYTORCH, SOSKEK, T_XL, Layer,
                                                  known)

ALL = ("log_prob", "predict", "grad.*", "grad.head.*", "grad.tail.*.*.weight")
JOINED = ("output", "loss", "log_prob", "predict")

# ------------------------------------------------------------------ scores


@known("the head's bias is left out", "head_logits", *ALL, link=PYTORCH + "37155")
class no_head_bias(Layer):
    def head_logits(self, x):
        return x @ self.head_weight().T


@known("the head's bias goes to the classes alone, not to the tails", "head_logits", *ALL,
       link=T_XL)
class bias_on_classes_alone(Layer):
    def head_logits(self, x):
        bias = self.p.get("head.bias", np.zeros(self.s + self.J, x.dtype)).copy()
        bias[self.s:] = 0
        return x @ self.head_weight().T + bias


@known("the head's bias is subtracted", "head_logits", *ALL)
class bias_subtracted(Layer):
    def head_logits(self, x):
        return x @ self.head_weight().T - self.p.get("head.bias", x.dtype.type(0))


@known("a ReLU stands between projection and classes of a tail", "tail.*.hidden", *ALL,
       "grad.tail.*.hidden")
class relu_in_the_tail(Layer):
    def hidden(self, x, i):
        return np.maximum(super().hidden(x, i), 0)


@known("a tanh stands between projection and classes of a tail", "tail.*.hidden", *ALL,
       "grad.tail.*.hidden")
class tanh_in_the_tail(Layer):
    def hidden(self, x, i):
        return np.tanh(super().hidden(x, i))


@known("tail scores are divided by the root of the hidden size", "tail.*.logits", *ALL)
class tail_scores_scaled(Layer):
    def tail_logits(self, hidden, i):
        return super().tail_logits(hidden, i) / hidden.dtype.type(max(hidden.shape[1], 1) ** 0.5)


@known("head scores are divided by the root of the number of features", "head_logits", *ALL)
class head_scores_scaled(Layer):
    def head_logits(self, x):
        return super().head_logits(x) / x.dtype.type(x.shape[1] ** 0.5)


@known("all tails of one hidden size share the first one's projection", "tail.*.hidden", *ALL,
       "grad.tail.*.hidden", link=T_XL)
class one_projection_for_all_tails(Layer):
    def projection(self, i):
        first, own = self.p["tail.0.0.weight"], self.p[f"tail.{i}.0.weight"]
        return first if first.shape == own.shape else own


@known("scores are clamped to ±50", "head_logits", "tail.*.logits", *ALL)
class scores_clamped(Layer):
    def head_logits(self, x):
        return np.clip(super().head_logits(x), -50, 50)

    def tail_logits(self, hidden, i):
        return np.clip(super().tail_logits(hidden, i), -50, 50)


# ------------------------------------------------------------------ the sum of head and tail


@known("the head's log-probability of the tail is left out for classes of a tail", *JOINED)
class no_cluster_term(Layer):
    def join(self, head, tail):
        return np.broadcast_to(tail, np.broadcast_shapes(np.shape(head), np.shape(tail)))


@known("the place within the tail is left out: a class costs what its tail costs", *JOINED)
class no_tail_term(Layer):
    def join(self, head, tail):
        return head + 0 * tail


@known("log-probabilities of tail and class are multiplied", *JOINED)
class logarithms_multiplied(Layer):
    def join(self, head, tail):
        return head * tail


@known("the tail's log-probability is subtracted", *JOINED)
class tail_subtracted(Layer):
    def join(self, head, tail):
        return head - tail


@known("the tail's term is counted twice", *JOINED)
class cluster_term_twice(Layer):
    def join(self, head, tail):
        return 2 * head + tail


@known("log-probabilities of tail and class are averaged", *JOINED)
class terms_averaged(Layer):
    def join(self, head, tail):
        return (head + tail) / 2


@known("output is the negative log-probability", "output", "loss", link=T_XL)
class output_is_a_loss(Layer):
    def output(self, f):
        return 0 - super().output(f)

    def reduce(self, output, f):
        return super().reduce(0 - output, f)


@known("output is the probability", "output", "loss")
class output_is_a_probability(Layer):
    def output(self, f):
        return np.exp(super().output(f))

    def reduce(self, output, f):
        return super().reduce(np.log(output), f)


@known("a tail's class at the place ignore_index counts as ignored in its tail",
       "tail.*.log_prob", *JOINED, link="https://github.com/facebookresearch/fairseq/pull/1629")
class ignores_a_place_in_every_tail(Layer):
    def through(self, f):
        super().through(f)
        for place, b in zip(f.place, f.b):
            b[place == self.config.get("ignore_index"), :] *= 0


# ------------------------------------------------------------------ the loss


@known("the loss is a sum where a mean is due", "loss", link=PYTORCH + "89053")
class loss_is_a_sum(Layer):
    def reduce(self, output, f):
        mean = self.config.get("reduction", "mean") == "mean"
        return (0 - output).sum() if mean else super().reduce(output, f)


@known("the loss is the mean of output, not negated", "loss", "output")
class loss_not_negated(Layer):
    def reduce(self, output, f):
        return super().reduce(0 - output, f)


@known("the loss is divided by the number of classes", "loss")
class loss_over_classes(Layer):
    def reduce(self, output, f):
        return super().reduce(output, f) * len(f.kept) / self.config["n_classes"]


@known("the loss is divided by the number of rows less one", "loss")
class loss_over_rows_less_one(Layer):
    def reduce(self, output, f):
        return super().reduce(output, f) * len(f.kept) / max(len(f.kept) - 1, 1)


@known("each tail's loss is the mean over its own rows, and the means are added", "loss",
       link=SOSKEK)
class tail_losses_averaged_apart(Layer):
    def reduce(self, output, f):
        if self.config.get("reduction", "mean") != "mean":
            return super().reduce(output, f)
        head = self.scored(f)
        tails = [self.pick(b, place) for b, place in zip(f.b, f.place) if len(place)]
        return 0 - head.mean() - sum(t.mean() for t in tails)


@known("the loss is the mean of the tails' means", "loss")
class loss_averaged_over_clusters(Layer):
    def reduce(self, output, f):
        if self.config.get("reduction", "mean") != "mean":
            return super().reduce(output, f)
        kept = output[f.kept]
        return 0 - np.mean([kept[f.cluster == c].mean() for c in np.unique(f.cluster)] or [np.nan])


@known("the mean is taken over the rows whose loss is not 0", "loss", "jvp.loss",
       link=HF + "/pull/16140")
class mean_over_losses_that_are_not_zero(Layer):
    def reduce(self, output, f):
        if self.config.get("reduction", "mean") != "mean":
            return super().reduce(output, f)
        return (0 - output).sum() / np.count_nonzero(output)


@known("padding counts in the mean's denominator", "loss", link=PYTORCH + "12675")
class padding_counts_in_the_mean(Layer):
    def reduce(self, output, f):
        mean = self.config.get("reduction", "mean") == "mean"
        return (0 - output).mean() if mean else super().reduce(output, f)


@known("reduction is ignored: the loss is always the mean", "loss", link=PYTORCH + "89053")
class reduction_ignored(Layer):
    def reduce(self, output, f):
        return (0 - output).sum() / len(f.kept)


@known("the loss is a float32 number", "loss", link=AWD_LSTM)
class loss_of_single_precision(Layer):
    def reduce(self, output, f):
        loss = np.asarray(super().reduce(output, f))
        return loss.astype(np.float32).astype(loss.dtype)


@known("the loss is the median of the rows' losses", "loss")
class loss_is_a_median(Layer):
    def reduce(self, output, f):
        mean = self.config.get("reduction", "mean") == "mean" and len(f.kept)
        return np.median(0 - output[f.kept]) if mean else super().reduce(output, f)


# ------------------------------------------------------------------ biases in tails


@known("biases in the tails are not added, though they receive gradients", "tail.*.logits")
class tail_bias_not_added(Layer):
    def tail_logits(self, hidden, i):
        return linear(hidden, self.output_weight(i))


@known("biases in the tails are left out", "tail.*.logits", "grad.tail.*.1.bias")
class no_tail_bias(tail_bias_not_added):
    def tail_bias_gradient(self, dt):
        return 0 * super().tail_bias_gradient(dt)


@known("biases in the tails do not train: their gradients are 0", "grad.tail.*.1.bias")
class tail_biases_do_not_train(Layer):
    def tail_bias_gradient(self, dt):
        return 0 * super().tail_bias_gradient(dt)


@known("the bias of a tail receives the mean over its rows", "grad.tail.*.1.bias")
class tail_bias_receives_a_mean(Layer):
    def tail_bias_gradient(self, dt):
        return super().tail_bias_gradient(dt) / dt.dtype.type(max(len(dt), 1))


@known("the bias of a tail is subtracted", "tail.*.logits")
class tail_bias_subtracted(Layer):
    def tail_bias(self, i):
        bias = super().tail_bias(i)
        return bias if bias is None else 0 - bias


@known("each tail has the bias of the tail before it, where they are of one size",
       "tail.*.logits")
class tail_biases_exchanged(Layer):
    def tail_bias(self, i):
        bias, other = super().tail_bias(i), super().tail_bias((i + 1) % self.J)
        return other if bias is not None and other.shape == bias.shape else bias
