"""What arrives: with a wrong sign or factor, of another row or class, or not looked at."""
import numpy as np

from npadasoft.conformance.mistakes.backward import UP
from npadasoft.conformance.mistakes.known import GRADIENTS, Layer, known

# ------------------------------------------------------------------ at output, and at the loss


class AtOutput(Layer):
    """Takes something else for what arrives at output (N,); what arrives at the loss is right."""

    def arriving(self, g):
        return g

    def upstream(self, grad_output, grad_loss, f):
        return super().upstream(self.arriving(np.reshape(grad_output, -1)), grad_loss, f)


@known("what arrives at output has the wrong sign", *UP)
class cotangent_of_output_negated(AtOutput):
    def arriving(self, g):
        return 0 - g


@known("what arrives at output counts twice", *UP)
class cotangent_of_output_doubled(AtOutput):
    def arriving(self, g):
        return 2 * g


def ones(cotangents, name):
    """Cotangents of which one is not looked at: it is 1 wherever it arrives."""
    return {n: np.ones_like(g) if n == name else g for n, g in cotangents.items()}


@known("what arrives at output is taken to be 1, if anything does", *UP)
class cotangent_of_output_is_one(Layer):
    def backward(self, x, y, cotangents):
        return super().backward(x, y, ones(cotangents, "output"))

    def hvp(self, x, y, cotangents, tangents):
        return super().hvp(x, y, ones(cotangents, "output"), tangents)


@known("what arrives at output goes to the rows in reverse", *UP)
class cotangent_of_output_reversed(AtOutput):
    def arriving(self, g):
        return g[::-1]


@known("each row receives what arrives at the output before it", *UP)
class cotangent_of_output_one_row_late(AtOutput):
    def arriving(self, g):
        return np.roll(g, 1)


@known("each row receives what arrives at the output behind it", *UP)
class cotangent_of_output_one_row_early(AtOutput):
    def arriving(self, g):
        return np.roll(g, -1)


@known("every row receives what arrives at the last output", *UP)
class cotangent_of_the_last_output(AtOutput):
    def arriving(self, g):
        return np.full_like(g, g[-1]) if g.size else g


@known("every row receives the sum of what arrives at output", *UP)
class cotangents_of_output_summed(AtOutput):
    def arriving(self, g):
        return np.full_like(g, g.sum())


@known("what arrives at the loss counts twice", *UP)
class cotangent_of_loss_doubled(Layer):
    def of_loss(self, grad_loss, f):
        return 2 * super().of_loss(grad_loss, f)


@known("what arrives at the loss is taken to be 1, if anything does", *UP)
class cotangent_of_loss_not_looked_at(Layer):
    def backward(self, x, y, cotangents):
        return super().backward(x, y, ones(cotangents, "loss"))

    def hvp(self, x, y, cotangents, tangents):
        return super().hvp(x, y, ones(cotangents, "loss"), tangents)


# ------------------------------------------------------------------ at log_prob


@known("a tail's column receives its last class's cotangent alone", *GRADIENTS)
class column_receives_the_last(Layer):
    def column_cotangent(self, g):
        return g[:, -1]


@known("a tail's column lacks its last class's cotangent", *GRADIENTS)
class column_without_the_last(Layer):
    def column_cotangent(self, g):
        return g[:, :-1].sum(-1)


@known("a tail's column lacks its first class's cotangent", *GRADIENTS)
class column_without_the_first(Layer):
    def column_cotangent(self, g):
        return g[:, 1:].sum(-1)


@known("a tail's column receives the sum of its classes' cotangents with the wrong sign",
       *GRADIENTS)
class column_receives_a_negative(Layer):
    def column_cotangent(self, g):
        return 0 - g.sum(-1)


class AtLogProb(Layer):
    """Takes something else for what arrives at log_prob (N, C)."""

    def arriving(self, g):
        return g

    def log_prob_backward(self, x, grad):
        flat = grad.reshape(-1, self.config["n_classes"])
        return super().log_prob_backward(x, self.arriving(flat).reshape(grad.shape))


@known("what arrives at log_prob is taken to be 1", *GRADIENTS)
class cotangents_of_log_prob_are_one(AtLogProb):
    def arriving(self, g):
        return np.ones_like(g)


@known("what arrives at log_prob goes to the classes in reverse", *GRADIENTS)
class cotangents_of_log_prob_reversed(AtLogProb):
    def arriving(self, g):
        return g[:, ::-1]


@known("each class receives what arrives at the log_prob of the class before it", *GRADIENTS)
class cotangents_of_log_prob_one_class_late(AtLogProb):
    def arriving(self, g):
        return np.roll(g, 1, -1)


@known("each class receives what arrives at the log_prob of the class behind it", *GRADIENTS)
class cotangents_of_log_prob_one_class_early(AtLogProb):
    def arriving(self, g):
        return np.roll(g, -1, -1)


@known("every class receives what arrives at the log_prob of the last one", *GRADIENTS)
class cotangents_of_the_last_class(AtLogProb):
    def arriving(self, g):
        return np.broadcast_to(g[:, -1:], g.shape)


@known("what arrives at the log_prob of the last class is dropped", *GRADIENTS)
class last_class_receives_nothing(AtLogProb):
    def arriving(self, g):
        return np.where(np.arange(g.shape[1]) < g.shape[1] - 1, g, 0 * g)


@known("what arrives at log_prob goes to the rows in reverse", *GRADIENTS)
class cotangents_of_log_prob_upside_down(AtLogProb):
    def arriving(self, g):
        return g[::-1]


@known("each row receives what arrives at the log_prob of the row before it", *GRADIENTS)
class cotangents_of_log_prob_one_row_late(AtLogProb):
    def arriving(self, g):
        return np.roll(g, 1, 0)


@known("each row receives what arrives at the log_prob of the row behind it", *GRADIENTS)
class cotangents_of_log_prob_one_row_early(AtLogProb):
    def arriving(self, g):
        return np.roll(g, -1, 0)


@known("every row receives what arrives at the first row's log_prob", *GRADIENTS)
class cotangents_of_the_first_row(AtLogProb):
    def arriving(self, g):
        return g[:1] + 0 * g


# ------------------------------------------------------------------ of all log-probabilities


@known("a tail's column receives the mean of its classes' cotangents", *GRADIENTS)
class column_receives_a_mean(Layer):
    def column_cotangent(self, g):
        return g.mean(-1)


@known("a tail's column receives nothing from log_prob", *GRADIENTS)
class column_receives_nothing(Layer):
    def column_cotangent(self, g):
        return 0 * g.sum(-1)


@known("a tail's column receives its first class's cotangent alone", *GRADIENTS)
class column_receives_the_first(Layer):
    def column_cotangent(self, g):
        return g[:, 0]


@known("cotangents of log_prob are taken to sum to 1: grad - p", *GRADIENTS)
class cotangents_taken_to_sum_to_one(Layer):
    def log_softmax_backward(self, log_p, g):
        return g - np.exp(log_p)


@known("log-softmax is taken to pass cotangents on unchanged", *GRADIENTS)
class cotangents_unchanged(Layer):
    def log_softmax_backward(self, log_p, g):
        return g


@known("log_prob is differentiated as if it were the softmax: p (g - Σ g p)", *GRADIENTS)
class gradient_of_the_softmax(Layer):
    def log_softmax_backward(self, log_p, g):
        p = np.exp(log_p)
        return p * (g - (g * p).sum(-1, keepdims=True))


@known("the tails receive nothing from log_prob", *GRADIENTS)
class tails_receive_nothing_from_log_prob(Layer):
    def pull_back(self, f, dz, dt):
        return super().pull_back(f, dz, dt if hasattr(f, "y") else [0 * t for t in dt])
