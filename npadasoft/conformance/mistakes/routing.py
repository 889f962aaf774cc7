"""Rows sent to the wrong tail, column or place."""
import numpy as np

from npadasoft.conformance.mistakes.known import FAIRSEQ, GLUON, HF, T_XL, Layer, known

PLACES = ("cluster", "head_column", "tail.*.relative_target")
ALL = ("log_prob", "predict", "grad.*", "grad.head.*", "grad.tail.*.*.weight")


@known("a target equal to a cutoff belongs to the tail before it", "cluster", *PLACES,
       link="https://docs.pytorch.org/docs/stable/generated/"
            "torch.nn.AdaptiveLogSoftmaxWithLoss.html")
class boundary(Layer):
    def cluster(self, y):
        return np.searchsorted([c + 1 for c in self.edges[:-1]], y, side="right")

    def place(self, y, i):
        return np.minimum(super().place(y, i), self.edges[i + 1] - self.edges[i] - 1)


@known("tails stand in descending order of the head's columns", "head_column", *ALL,
       "grad.head_logits", link=T_XL)
class columns_descending(Layer):
    def column_of(self, i):
        return self.s + self.J - 1 - i


@known("a tail's column is one too far to the left", "head_column", *ALL, link=FAIRSEQ)
class column_off_by_one(Layer):
    def column_of(self, i):
        return self.s + i - 1


@known("a tail's column is one too far to the right", "head_column", *ALL)
class column_one_too_far(Layer):
    def column_of(self, i):
        return (self.s + i + 1) % (self.s + self.J)


@known("all tails share the first tail's column", "head_column", *ALL)
class one_column_for_every_cluster(Layer):
    def column_of(self, i):
        return self.s


@known("the head's columns begin with the tails", "head_column", *ALL)
class clusters_come_first(Layer):
    def column_of(self, i):
        return i

    def head_column(self, y, cluster):
        return np.where(cluster == 0, y + self.J, cluster - 1)

    def shortlist(self, f):
        return f.a[:, self.J:]

    def best(self, f):
        return self.all_classes(f).argmax(-1)


@known("the last columns of the head are counted from its end in log_prob", "log_prob", "predict",
       link=HF)
class log_prob_counts_columns_from_the_end(Layer):
    def log_prob_column(self, i):
        return self.s + self.J - 1 - i


@known("a target in a tail is not made relative to its tail, and clamped",
       "tail.*.relative_target")
class place_not_relative(Layer):
    def place(self, y, i):
        return np.minimum(y, self.edges[i + 1] - self.edges[i] - 1)


@known("a place within a tail is counted from 1", "tail.*.relative_target")
class place_one_too_far(Layer):
    def place(self, y, i):
        return (y - self.edges[i] + 1) % max(self.edges[i + 1] - self.edges[i], 1)


@known("a place within a tail is one too small, and -1 is read from the end",
       "tail.*.relative_target")
class place_one_too_small(Layer):
    def place(self, y, i):
        return (y - self.edges[i] - 1) % (self.edges[i + 1] - self.edges[i])


@known("a place within a tail is counted from the shortlist's end, in every tail",
       "tail.*.relative_target")
class place_from_the_shortlist(Layer):
    def place(self, y, i):
        return np.minimum(y - self.s, self.edges[i + 1] - self.edges[i] - 1)


@known("classes within a tail stand in reverse", "tail.*.relative_target", "log_prob", "predict",
       "grad.*", "grad.tail.*.*.weight")
class places_reversed(Layer):
    def place(self, y, i):
        return self.edges[i + 1] - 1 - y

    def all_classes(self, f):
        f.b = [b[:, ::-1] for b in f.b]
        return super().all_classes(f)

    def log_prob_backward(self, x, grad):
        grad = grad.copy()
        for a, b in zip(self.edges, self.edges[1:]):
            grad[..., a:b] = grad[..., a:b][..., ::-1]
        return super().log_prob_backward(x, grad)


@known("targets are taken to count from 1", "cluster", *PLACES)
class targets_from_one(Layer):
    def check_targets(self, y):
        return np.maximum(super().check_targets(y) - 1, 0)


@known("places within a tail are kept in one signed byte", "tail.*.relative_target")
class places_of_one_byte(Layer):
    def place(self, y, i):
        size = self.edges[i + 1] - self.edges[i]
        return super().place(y, i).astype(np.int8).astype(np.int64) % size


@known("targets are kept in one byte", "cluster", *PLACES)
class targets_of_one_byte(Layer):
    def check_targets(self, y):
        return super().check_targets(y).astype(np.uint8).astype(np.int64)


@known("the tails' weights are exchanged: the first tail uses the last one's",
       "tail.*.hidden", "tail.*.logits", *ALL, "grad.tail.*.hidden")
class tails_exchanged(Layer):
    def read(self, params):
        last = self.J - 1
        return params | {f"tail.{i}.{k}.weight": params[f"tail.{last - i}.{k}.weight"]
                         for i in range(self.J) for k in (0, 1)}


@known("results come back grouped by tail, not in the order of the batch", "output", "loss",
       link=T_XL)
class output_grouped_by_cluster(Layer):
    def output(self, f):
        found = super().output(f)
        found[f.kept] = found[f.kept][np.argsort(f.cluster, kind="stable")]
        return found


@known("the gradient of the input comes back grouped by tail", "grad.input", link=HF)
class input_gradient_grouped_by_cluster(Layer):
    def input_rows(self, dx, f):
        if hasattr(f, "cluster") and len(f.kept) == f.n:
            dx = dx[np.argsort(f.cluster, kind="stable")]
        return super().input_rows(dx, f)


@known("rows of the batch are sorted by target and never put back", "output", "loss",
       "grad.input", *PLACES, "head_logits", "tail.*.hidden", "grad.head_logits", link=GLUON)
class batch_sorted_by_target(Layer):
    def compute(self, x, y):
        if y.ndim != 1 or x.shape[:-1] != y.shape:
            return super().compute(x, y)
        order = np.argsort(y, kind="stable")
        return super().compute(x[order], y[order])


@known("rows of a tail meet the first rows of the batch", "tail.*.hidden", *ALL)
class tail_reads_the_first_rows(Layer):
    def tail_log_softmax(self, z, x, i):
        return super().tail_log_softmax(z, x, i)

    def through(self, f):
        super().through(f)
        for i, rows in enumerate(f.rows):
            f.hidden[i] = self.hidden(f.x[:len(rows)], i)
            f.t[i] = self.tail_logits(f.hidden[i], i)
            f.b[i] = self.tail_log_softmax(f.t[i], f.x[:len(rows)], i)
