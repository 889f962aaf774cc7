"""Gradients with a wrong sign or a factor, or of one row where a sum over rows is due."""
from npadasoft.conformance.mistakes.backward import TAIL, UP, P, U
from npadasoft.conformance.mistakes.known import Layer, known


@known("gradients are twice what they are", *UP)
class gradients_doubled(Layer):
    def upstream(self, grad_output, grad_loss, f):
        return 2 * super().upstream(grad_output, grad_loss, f)

    def log_prob_backward(self, x, grad):
        return super().log_prob_backward(x, 2 * grad)


@known("what a tail's scores receive has the wrong sign", *TAIL)
class tail_gradients_negated(Layer):
    def pull_back(self, f, dz, dt):
        return super().pull_back(f, dz, [0 - t for t in dt])


@known("what a tail's scores receive is twice what it is", *TAIL)
class tail_gradients_doubled(Layer):
    def pull_back(self, f, dz, dt):
        return super().pull_back(f, dz, [2 * t for t in dt])


@known("the gradient of the bias is that of the last row, not the sum over the rows",
       "grad.head.bias")
class bias_gradient_of_the_last_row(Layer):
    def bias_gradient(self, dz):
        return super().bias_gradient(dz[-1:])


@known("the gradient of the bias is that of the first row, not the sum over the rows",
       "grad.head.bias")
class bias_gradient_of_the_first_row(Layer):
    def bias_gradient(self, dz):
        return super().bias_gradient(dz[:1])


# ------------------------------------------------------------------ means where sums are due


class Averaged(Layer):
    """Divides some gradients by the number of rows."""

    def finish(self, gradients):
        return {n: g / g.dtype.type(self.rows) if self.averages(n) else g
                for n, g in gradients.items()}

    def count(self, f):
        return f.n

    def averages(self, name):
        """Whether a gradient is divided."""
        raise NotImplementedError

    def pull_back(self, f, dz, dt):
        self.rows = max(self.count(f), 1)
        return super().pull_back(f, dz, dt)


class OverWhatCounts:
    """The same, by the number of rows that are not ignored."""

    def count(self, f):
        return len(f.kept)


@known("the gradient of the input is divided by the number of rows, ignored ones, too",
       "grad.input")
class input_gradient_averaged(Averaged):
    def averages(self, name):
        return name == "grad.input"


@known("the gradient of the input is divided by the number of rows that count", "grad.input")
class input_gradient_averaged_over_what_counts(OverWhatCounts, input_gradient_averaged):
    pass


@known("gradients of matrices are divided by the number of rows in the batch, ignored ones, too",
       "grad.head.weight", U, P)
class weight_gradients_averaged_over_the_batch(Averaged):
    def averages(self, name):
        return name.endswith(".weight")


@known("the gradient of the bias is a mean over the rows that count", "grad.head.bias")
class bias_gradient_averaged_over_what_counts(OverWhatCounts, Averaged):
    def averages(self, name):
        return name == "grad.head.bias"


@known("gradients of parameters are divided by the number of rows, ignored ones, too",
       "grad.head.weight", "grad.head.bias", U, P)
class parameter_gradients_averaged(Averaged):
    def averages(self, name):
        return name.endswith((".weight", ".bias"))


@known("gradients of parameters are divided by the number of rows that count",
       "grad.head.weight", "grad.head.bias", U, P)
class parameter_gradients_averaged_over_what_counts(OverWhatCounts, parameter_gradients_averaged):
    pass


@known("gradients of all, the input's too, are divided by the number of rows", *UP)
class gradients_averaged(Layer):
    def upstream(self, grad_output, grad_loss, f):
        return super().upstream(grad_output, grad_loss, f) / f.x.dtype.type(max(f.n, 1))

    def log_prob_backward(self, x, grad):
        rows = max(grad.size // max(grad.shape[-1], 1), 1)
        return super().log_prob_backward(x, grad / grad.dtype.type(rows))
