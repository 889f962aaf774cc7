"""Gradients of scores, weights and input; what is added up, and where it is put."""
from types import SimpleNamespace

import numpy as np

from npadasoft.conformance.mistakes.known import (ACCURACY, GRADIENTS, LOGIT_GRADIENTS, PADDLE,
                                                  SOSKEK, Layer, known)

UP = (*LOGIT_GRADIENTS, *GRADIENTS)
U, P = "grad.tail.*.1.weight", "grad.tail.*.0.weight"
TAIL = ("grad.tail.*.logits", "grad.tail.*.hidden", U, P, "grad.input")
HEAD = ("grad.head_logits", "grad.head.weight", "grad.head.bias", "grad.input")

# ------------------------------------------------------------------ what arrives


@known("gradients have the wrong sign", *UP)
class gradients_negated(Layer):
    def upstream(self, grad_output, grad_loss, f):
        return 0 - super().upstream(grad_output, grad_loss, f)

    def log_prob_backward(self, x, grad):
        return super().log_prob_backward(x, 0 - grad)


@known("the gradient of the mean is not divided by the number of rows", *UP)
class gradient_of_a_sum(Layer):
    def of_loss(self, grad_loss, f):
        return 0 - np.broadcast_to(np.reshape(grad_loss, -1), (f.n,))


@known("the gradient of the mean is divided by the number of rows twice", *UP)
class mean_divided_twice(Layer):
    def of_loss(self, grad_loss, f):
        mean = self.config.get("reduction", "mean") == "mean"
        return super().of_loss(grad_loss, f) / (max(len(f.kept), 1) if mean else 1)


@known("what arrives at output is dropped: the loss alone is differentiated", *UP)
class cotangent_of_output_dropped(Layer):
    def upstream(self, grad_output, grad_loss, f):
        return self.of_loss(grad_loss, f)


@known("what arrives at the loss is dropped: output alone is differentiated", *UP)
class cotangent_of_loss_dropped(Layer):
    def upstream(self, grad_output, grad_loss, f):
        return np.reshape(grad_output, -1)


@known("what arrives at the loss is taken to be 1", *UP)
class cotangent_of_loss_is_one(Layer):
    def upstream(self, grad_output, grad_loss, f):
        return np.reshape(grad_output, -1) + self.of_loss(np.ones_like(grad_loss), f)


@known("what arrives at the loss has the wrong sign", *UP)
class cotangent_of_loss_negated(Layer):
    def of_loss(self, grad_loss, f):
        return 0 - super().of_loss(grad_loss, f)


@known("every row receives the mean of what arrives", *UP)
class cotangents_averaged(Layer):
    def upstream(self, grad_output, grad_loss, f):
        q = super().upstream(grad_output, grad_loss, f)
        return np.full_like(q, q.mean()) if q.size else q


@known("every row receives what arrives at the first", *UP)
class cotangent_of_the_first_row(Layer):
    def upstream(self, grad_output, grad_loss, f):
        q = super().upstream(grad_output, grad_loss, f)
        return np.full_like(q, q[0]) if q.size else q


@known("a tail's rows receive what arrives at the first rows of the batch", *TAIL)
class tail_cotangents_not_gathered(Layer):
    def tail_logit_gradient(self, f, q, i):
        return self.pick_backward(f.b[i], f.place[i], q[:len(f.rows[i])])


# ------------------------------------------------------------------ scores


@known("the gradient of the scores lacks the 1 at the target", *UP)
class no_one_at_the_target(Layer):
    def pick_backward(self, log_p, index, q):
        return -q[:, None] * np.exp(log_p)


@known("the gradient of the scores lacks the probabilities: it is 1 at the target alone", *UP)
class one_at_the_target_alone(Layer):
    def pick_backward(self, log_p, index, q):
        dz = 0 * log_p
        dz[np.arange(len(q)), index] = q
        return dz


@known("scores receive log-probabilities where probabilities are due", *UP)
class gradient_with_logarithms(Layer):
    def pick_backward(self, log_p, index, q):
        dz = -q[:, None] * log_p
        dz[np.arange(len(q)), index] += q
        return dz


@known("1 - p instead of -expm1(log p): the gradient of a confident row is 0", *UP, link=ACCURACY)
class textbook_gradient(Layer):
    def pick_backward(self, log_p, index, q):
        dz = -q[:, None] * np.exp(log_p)
        dz[np.arange(len(q)), index] += q
        return dz


@known("the gradient of the softmax is p (1 - p), its diagonal alone", *UP)
class diagonal_of_the_softmax(Layer):
    def pick_backward(self, log_p, index, q):
        p = np.exp(log_p)
        return super().pick_backward(log_p, index, q) * p * (1 - p)


@known("a tail's scores receive their gradient times the probability of the tail", *TAIL)
class tail_gradient_times_cluster(Layer):
    def tail_logit_gradient(self, f, q, i):
        a = f.a[np.searchsorted(f.kept, f.rows[i]), self.column_of(i)]
        return super().tail_logit_gradient(f, q * 1, i) * np.exp(a)[:, None]


@known("rows of a tail do not teach the head their tail", *HEAD)
class head_learns_from_the_shortlist_alone(Layer):
    def head_logit_gradient(self, f, q):
        return super().head_logit_gradient(f, q) * (f.cluster == 0)[:, None]


@known("the head receives nothing from classes of the shortlist", *HEAD)
class head_learns_from_the_tails_alone(Layer):
    def head_logit_gradient(self, f, q):
        return super().head_logit_gradient(f, q) * (f.cluster > 0)[:, None]


@known("rows of a tail raise the first class of the head instead of their tail", *HEAD)
class head_gradient_at_the_first_column(Layer):
    def head_logit_gradient(self, f, q):
        f = SimpleNamespace(a=f.a, column=np.where(f.cluster == 0, f.column, 0), kept=f.kept)
        return super().head_logit_gradient(f, q)


@known("the tails' columns receive no gradient", *HEAD)
class no_gradient_for_clusters(Layer):
    def head_logit_gradient(self, f, q):
        dz = super().head_logit_gradient(f, q)
        dz[:, self.s:] = 0
        return dz


@known("gradients are clipped to ±1", *UP)
class gradients_clipped(Layer):
    def finish(self, gradients):
        return {name: np.clip(g, -1, 1) for name, g in gradients.items()}


# ------------------------------------------------------------------ weights


@known("gradients of matrices are laid out column by column", *GRADIENTS)
class gradients_laid_out_by_columns(Layer):
    def weight_gradient(self, dy, x):
        return np.reshape(super().weight_gradient(dy, x).T, (dy.shape[1], x.shape[1]))


@known("gradients of projections are laid out column by column", P)
class projection_gradients_laid_out_by_columns(Layer):
    def projection_gradient(self, ds, x, i):
        return np.reshape((ds.T @ x).T, (ds.shape[1], x.shape[1]))


@known("gradients of matrices are means over their rows that count, not sums", "grad.head.weight",
       U, P)
class weight_gradients_averaged_over_what_counts(Layer):
    def weight_gradient(self, dy, x):
        return super().weight_gradient(dy, x) / max(len(x), 1)


@known("gradients of matrices are means over their rows, not sums (over ignored ones, too)",
       "grad.head.weight", U, P)
class weight_gradients_averaged(weight_gradients_averaged_over_what_counts):
    def pull_back(self, f, dz, dt):
        found = super().pull_back(f, dz, dt)
        counted = f.x.dtype.type(len(f.kept) / max(f.n, 1))
        return found | {"grad.head.weight": found["grad.head.weight"] * counted}


@known("a tail's gradients are divided by the number of its own rows", U, P)
class tail_gradients_averaged(Layer):
    def output_weight_gradient(self, dt, hidden, i):
        return dt.T @ hidden / max(len(dt), 1)

    def projection_gradient(self, ds, x, i):
        return ds.T @ x / max(len(ds), 1)


@known("only the last row's gradient is kept in a matrix", "grad.head.weight", U, P)
class last_row_overwrites(Layer):
    def weight_gradient(self, dy, x):
        return dy[-1:].T @ x[-1:]


@known("of several rows with one class, the last one's gradient alone is kept", "grad.head.weight",
       U, P, "grad.head.bias")
class repeated_classes_kept_once(Layer):
    def pull_back(self, f, dz, dt):
        found = super().pull_back(f, dz, dt)
        if hasattr(f, "y"):
            last = np.array([n for n, k in enumerate(f.column) if k not in f.column[n + 1:]], int)
            found["grad.head.weight"] = dz[last].T @ f.x[f.kept][last]
            for i, place in enumerate(f.place):
                last = np.array([n for n, k in enumerate(place) if k not in place[n + 1:]], int)
                found[f"grad.tail.{i}.1.weight"] = dt[i][last].T @ f.hidden[i][last]
        return found


@known("the gradient of the bias is a mean over the rows, ignored ones, too", "grad.head.bias")
class bias_gradient_averaged(Layer):
    def pull_back(self, f, dz, dt):
        found = super().pull_back(f, dz, dt)
        if "grad.head.bias" in found:
            found["grad.head.bias"] = found["grad.head.bias"] / f.x.dtype.type(max(f.n, 1))
        return found


@known("the bias has no gradient", "grad.head.bias")
class no_bias_gradient(Layer):
    def bias_gradient(self, dz):
        return 0 * super().bias_gradient(dz)


@known("the bias of the tails' columns has no gradient", "grad.head.bias")
class no_bias_gradient_for_clusters(Layer):
    def bias_gradient(self, dz):
        found = super().bias_gradient(dz)
        found[self.s:] = 0
        return found


@known("tails have no gradient: they are not among the parameters", U, P,
       link=PADDLE)
class tails_do_not_train(Layer):
    def finish(self, gradients):
        return {n: 0 * g if n.startswith("grad.tail") and n.endswith("weight") else g
                for n, g in gradients.items()}


@known("a tail's projection has no gradient", P)
class projections_do_not_train(Layer):
    def projection_gradient(self, ds, x, i):
        return 0 * (ds.T @ x)


@known("a tail's output matrix is not transposed on the way back: it is read as (in, out)",
       "grad.tail.*.hidden", P, "grad.input")
class output_matrix_not_transposed_on_the_way_back(Layer):
    def hidden_gradient(self, dt, i):
        return dt @ as_in_out(self.output_weight(i))


@known("the gradient of a projection is made from the scores' row sums", P)
class projection_gradient_without_output_matrix(Layer):
    def projection_gradient(self, ds, x, i):
        return super().projection_gradient(np.broadcast_to(ds.sum(-1, keepdims=True), ds.shape),
                                           x, i)


@known("gradients of a tail without targets are nan, the mean of nothing", U, P, link=SOSKEK)
class unused_tail_is_nan(Layer):
    def weight_gradient(self, dy, x):
        return super().weight_gradient(dy, x) + (0 if len(dy) else np.nan)


@known("the tail of the last tail is left out of the gradients", U, P, "grad.input")
class last_tail_forgotten(Layer):
    def tail_to_input(self, ds, i):
        return super().tail_to_input(ds, i) * (i < self.J - 1)

    def finish(self, gradients):
        last = f"grad.tail.{self.J - 1}"
        return {n: 0 * g if n.startswith(last) and n.endswith("weight") else g
                for n, g in gradients.items()}


# ------------------------------------------------------------------ the input


@known("the tails' part of the input's gradient is forgotten", "grad.input")
class input_gradient_of_the_head_alone(Layer):
    def scatter(self, dx, rows, part):
        pass


@known("the head's part of the input's gradient is forgotten", "grad.input")
class input_gradient_of_the_tails_alone(Layer):
    def head_to_input(self, dz):
        return 0 * super().head_to_input(dz)


@known("the tail's part of the input's gradient replaces the head's", "grad.input")
class tail_overwrites_the_input_gradient(Layer):
    def scatter(self, dx, rows, part):
        dx[rows] = part


@known("a tail's part of the input's gradient goes to the first rows of the batch", "grad.input")
class input_gradient_not_scattered(Layer):
    def scatter(self, dx, rows, part):
        dx[:len(rows)] += part


@known("a tail's part of the input's gradient is added to its rows in reverse", "grad.input")
class input_gradient_scattered_in_reverse(Layer):
    def scatter(self, dx, rows, part):
        dx[rows] += part[::-1]


@known("a tail's part of the input's gradient is subtracted", "grad.input")
class input_gradient_subtracted(Layer):
    def scatter(self, dx, rows, part):
        dx[rows] -= part


def as_in_out(weight):
    """A matrix (out, in) whose numbers are read as (in, out): of a square one the transposed."""
    return weight.reshape(weight.shape[::-1]).T


@known("the head's matrix is not transposed on the way back: it is read as (in, out)",
       "grad.input")
class head_not_transposed_on_the_way_back(Layer):
    def head_to_input(self, dz):
        return dz @ as_in_out(self.head_weight())


@known("a projection is not transposed on the way back: it is read as (in, out)", "grad.input")
class projection_not_transposed_on_the_way_back(Layer):
    def tail_to_input(self, ds, i):
        return ds @ as_in_out(self.projection(i))
