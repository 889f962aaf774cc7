"""Gradients with a wrong sign or a factor, or of one row where a sum over rows is due."""
from npadasoft.conformance.mistakes.backward import TAIL, UP
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
