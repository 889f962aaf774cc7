"""The best class, number types, and shapes of batches."""
import numpy as np

from npadasoft.conformance.mistakes.known import (FAIRSEQ, GRADIENTS, HF, LOGIT_GRADIENTS, PADDLE,
                                                  PYTORCH, ROSINALITY, SCORES, SOSKEK, Layer, known)

EVERY = (*SCORES, "head_logits", "tail.*.hidden", "tail.*.logits", "log_prob", "output", "loss",
         *LOGIT_GRADIENTS, "grad.tail.*.hidden", *GRADIENTS)
BEST = ("predict", "topk.index", "topk.log_prob")

# ------------------------------------------------------------------ log_prob


@known("log_prob holds probabilities", "log_prob", link="https://github.com/CyberZHG/"
       "keras-adaptive-softmax")
class log_prob_is_a_probability(Layer):
    def log_prob(self, x):
        return np.exp(super().log_prob(x))


@known("log_prob lacks the tails' terms: every tail sums to 1", "log_prob", link=FAIRSEQ)
class log_prob_without_clusters(Layer):
    def log_prob(self, x):
        f = self.everywhere(x)
        return self.shaped(np.concatenate([self.shortlist(f), *f.b], axis=1), f.lead)


@known("log_prob has its tails in descending order", "log_prob")
class log_prob_with_tails_reversed(Layer):
    def log_prob(self, x):
        f = self.everywhere(x)
        parts = np.split(self.all_classes(f), self.edges[:-1], axis=1)
        return self.shaped(np.concatenate([parts[0], *parts[:0:-1]], axis=1), f.lead)


@known("log_prob is float32 from a float64 layer", "log_prob", link=ROSINALITY)
class log_prob_of_single_precision(Layer):
    def log_prob(self, x):
        found = super().log_prob(x)
        return found.astype(np.float32).astype(found.dtype)


# ------------------------------------------------------------------ predict


@known("predict takes the best column of the head, and the best class of that tail", *BEST,
       link=HF + "/issues/4461")
class greedy(Layer):
    def best(self, f):
        top, found = f.a.argmax(-1), f.a.argmax(-1)
        for i, b in enumerate(f.b):
            found = np.where(top == self.s + i, self.edges[i] + b.argmax(-1), found)
        return found


@known("predict answers the head's column, whatever it stands for", *BEST)
class predict_is_a_column(Layer):
    def best(self, f):
        return f.a.argmax(-1)


@known("predict looks at the shortlist alone", *BEST)
class predict_from_the_shortlist(Layer):
    def best(self, f):
        return f.a[:, :self.s].argmax(-1)


@known("predict compares classes of the best tail and of the shortlist, no others", *BEST)
class predict_from_the_best_cluster(Layer):
    def best(self, f):
        every = self.all_classes(f)
        top = f.a[:, self.s:].argmax(-1)
        for i in range(self.J):
            every[top != i, self.edges[i]:self.edges[i + 1]] = -np.inf
        return every.argmax(-1)


@known("predict compares tails without their tails' terms", *BEST)
class predict_without_clusters(Layer):
    def best(self, f):
        return np.concatenate([self.shortlist(f), *f.b], axis=1).argmax(-1)


@known("predict compares scores that are not normalised", *BEST)
class predict_from_scores(Layer):
    def best(self, f):
        return np.concatenate([f.z[:, :self.s], *f.t], axis=1).argmax(-1)


@known("predict counts within the tail", *BEST)
class predict_within_the_cluster(Layer):
    def best(self, f):
        found = super().best(f)
        firsts = np.array([0, *self.edges[:-1]])
        return found - firsts[np.searchsorted(self.edges[:-1], found, side="right")]


@known("predict counts from 1", *BEST)
class predict_from_one(Layer):
    def best(self, f):
        return super().best(f) + 1


@known("predict answers the least probable class", *BEST)
class predict_is_the_worst(Layer):
    def best(self, f):
        return self.all_classes(f).argmin(-1)


@known("predict is one byte", *BEST)
class predict_of_one_byte(Layer):
    def best(self, f):
        return super().best(f).astype(np.uint8).astype(np.int64)


@known("the last class is left out of the search", *BEST)
class predict_without_the_last_class(Layer):
    def best(self, f):
        return self.all_classes(f)[:, :-1].argmax(-1)


@known("the k best are sought in the head alone, with one class of each tail", *BEST)
class topk_of_the_head(Layer):
    def ranked(self, f):
        every = self.all_classes(f)
        for a, b in zip(self.edges, self.edges[1:]):
            rest = np.arange(a, b)[None] != a + every[:, a:b].argmax(-1)[:, None]
            every[:, a:b][rest] = -np.inf
        return every


# ------------------------------------------------------------------ number types


def single(a):
    return a.astype(np.float32).astype(a.dtype) if a.dtype.kind == "f" else a


@known("results are rounded to float32", *EVERY, "log_prob", link=PADDLE)
class results_of_single_precision(Layer):
    def forward(self, x, y):
        return {n: single(np.asarray(a)) for n, a in super().forward(x, y).items()}

    def backward(self, x, y, cotangents):
        return {n: single(a) for n, a in super().backward(x, y, cotangents).items()}

    def log_prob(self, x):
        return single(super().log_prob(x))

    def log_prob_backward(self, x, grad):
        return {n: single(a) for n, a in super().log_prob_backward(x, grad).items()}


@known("scores are rounded to float32", "head_logits", "tail.*.logits", "log_prob", *GRADIENTS)
class scores_of_single_precision(Layer):
    def head_logits(self, x):
        return single(super().head_logits(x))

    def tail_logits(self, hidden, i):
        return single(super().tail_logits(hidden, i))


@known("gradients are rounded to float32", *GRADIENTS, *LOGIT_GRADIENTS, "grad.tail.*.hidden")
class gradients_of_single_precision(Layer):
    def finish(self, gradients):
        return {n: single(a) for n, a in gradients.items()}


@known("numbers below the smallest normal one are flushed to 0", *EVERY)
class subnormals_flushed(Layer):
    def finish(self, gradients):
        return {n: np.where(np.abs(a) < np.finfo(a.dtype).tiny, 0, a).astype(a.dtype)
                for n, a in gradients.items()}


@known("results are written with six digits", *EVERY)
class results_of_six_digits(Layer):
    def forward(self, x, y):
        return {n: short(a) for n, a in super().forward(x, y).items()}

    def backward(self, x, y, cotangents):
        return {n: short(a) for n, a in super().backward(x, y, cotangents).items()}

    def log_prob(self, x):
        return short(super().log_prob(x))

    def log_prob_backward(self, x, grad):
        return {n: short(a) for n, a in super().log_prob_backward(x, grad).items()}


def short(a):
    a = np.asarray(a)
    numbers = [float(f"{v:.6g}") for v in a.ravel().tolist()]
    return a if a.dtype.kind != "f" else np.array(numbers, a.dtype).reshape(a.shape)


# ------------------------------------------------------------------ batches


@known("results of one example keep a batch axis of length 1", "output", "log_prob", "grad.input",
       *BEST, "loss", link=PYTORCH.removesuffix("issues/") + "pull/69054")
class batch_axis_kept(Layer):
    def shaped(self, rows, lead):
        return super().shaped(rows, lead or (1,))

    def input_rows(self, dx, f):
        return dx if not f.lead else super().input_rows(dx, f)


@known("a batch of one loses its axis", "output", "log_prob", "grad.input", *BEST,
       link=PADDLE + "/pull/73554")
class batch_of_one_squeezed(Layer):
    def shaped(self, rows, lead):
        return super().shaped(rows, () if lead == (1,) else lead)

    def input_rows(self, dx, f):
        return dx[0] if f.lead == (1,) else super().input_rows(dx, f)


@known("more batch axes come back as one", "output", "log_prob", "grad.input", *BEST,
       link=PYTORCH + "12675")
class batch_axes_flattened(Layer):
    def shaped(self, rows, lead):
        return rows if len(lead) > 1 else super().shaped(rows, lead)

    def input_rows(self, dx, f):
        return dx if len(f.lead) > 1 else super().input_rows(dx, f)


@known("more batch axes come back in another order", "output", "log_prob", "grad.input", *BEST)
class batch_axes_exchanged(Layer):
    def shaped(self, rows, lead):
        if len(lead) < 2:
            return super().shaped(rows, lead)
        turned = rows.reshape((*lead[::-1], *rows.shape[1:]))
        return np.moveaxis(turned, range(len(lead)), range(len(lead))[::-1])


@known("ignored rows count with weight 0 instead of not at all: 0 · nan", *EVERY)
class ignored_rows_weigh_zero(Layer):
    all_rows = np.zeros(1)

    def head_weight_gradient(self, dz, x):
        return super().head_weight_gradient(dz, x) + 0 * self.all_rows.sum()

    def compute(self, x, y):
        self.all_rows = x
        return super().compute(x, y)


@known("rows of other tails count with weight 0 in a tail: 0 · nan", *GRADIENTS, *EVERY)
class other_rows_weigh_zero_in_a_tail(Layer):
    def pull_back(self, f, dz, dt):
        found = super().pull_back(f, dz, dt)
        if hasattr(f, "y"):
            for i in range(self.J):
                found[f"grad.tail.{i}.0.weight"] = found[f"grad.tail.{i}.0.weight"] + 0 * f.x.sum(0)
        return found


@known("one row of nan makes all rows nan: a product with a mask of zeros", *EVERY)
class nan_spreads_over_the_batch(Layer):
    def output(self, f):
        return super().output(f) + 0 * f.x[f.kept].sum()

    def log_prob(self, x):
        return super().log_prob(x) + 0 * x.sum()


@known("gradients of an empty batch are nan", *GRADIENTS)
class empty_batch_is_nan(Layer):
    def pull_back(self, f, dz, dt):
        found = super().pull_back(f, dz, dt)
        return found if f.n else {n: a + np.nan for n, a in found.items()}


@known("an empty batch costs the loss of one row of zeros", "loss")
class empty_batch_costs_something(Layer):
    def reduce(self, output, f):
        return super().reduce(output, f) if f.n else output.dtype.type(np.log(self.s + self.J))


@known("all rows ignored: gradients are nan, of a mean over none", *GRADIENTS, *LOGIT_GRADIENTS,
       link=SOSKEK)
class nothing_kept_is_nan(Layer):
    def finish(self, gradients):
        nothing = not len(gradients["grad.head_logits"]) and gradients["grad.input"].size
        return {n: a * np.nan if nothing else a for n, a in gradients.items()}
