"""Forward mode and second order: terms of the product rule that are lost, and wrong softmaxes."""
import numpy as np

from npadasoft.conformance.mistakes.known import ACCURACY, Layer, known

MOVED = ("jvp.output", "jvp.log_prob")
CURVED = ("hvp.input", "hvp.head.*", "hvp.tail.*.*.*")
EVERY = (*MOVED, *CURVED)

# ------------------------------------------------------------------ what moves


@known("the input stands still: the weights alone move", *EVERY)
class input_stands_still(Layer):
    def moving(self, tangents, x):
        return super().moving({n: d for n, d in tangents.items() if n != "input"}, x)


@known("the weights stand still: the input alone moves", *EVERY)
class weights_stand_still(Layer):
    def moving(self, tangents, x):
        return super().moving({n: d for n, d in tangents.items() if n == "input"}, x)


@known("biases stand still", *EVERY)
class biases_stand_still(Layer):
    def bias_along(self, dz, d_bias):
        return dz


@known("a tail's hidden units stand still: its output matrix alone moves", *EVERY)
class hidden_units_stand_still(Layer):
    def hidden_along(self, x, dx, d, i):
        return 0 * super().hidden_along(x, dx, d, i)


@known("a tail's projection stands still, the input behind it moves", *EVERY)
class projections_stand_still(Layer):
    def hidden_along(self, x, dx, d, i):
        return dx @ self.projection(i).T


@known("a tail's output matrix stands still, its hidden units move", *EVERY)
class output_matrices_stand_still(Layer):
    def tail_along(self, hidden, d_hidden, d, i):
        return self.bias_along(d_hidden @ self.output_weight(i).T, d.get(f"tail.{i}.1.bias"))


@known("the tangent of a product is the product of the tangents", *EVERY)
class product_of_tangents(Layer):
    def product_along(self, x, weight, dx, d_weight):
        return dx @ d_weight.T


# ------------------------------------------------------------------ results


@known("a class of a tail moves as its tail alone does, without the head's column", *MOVED)
class head_stands_still_for_tails(Layer):
    def join_along(self, head, tail):
        return tail


@known("a class of a tail moves as the head's column does, without the tail", *MOVED)
class no_tangent_of_the_tail(Layer):
    def join_along(self, head, tail):
        return head + 0 * tail


@known("tangents of log-probabilities are those of the scores: the logsumexp stands still", *EVERY)
class logsumexp_stands_still(Layer):
    def log_softmax_along(self, log_p, dz):
        return dz


@known("tangents of the softmax take its diagonal alone: (1 - p) dz", *EVERY)
class diagonal_of_the_tangent(Layer):
    def log_softmax_along(self, log_p, dz):
        return -np.expm1(log_p) * dz


@known("tangents are those of probabilities, not of their logarithms", *EVERY)
class tangents_of_probabilities(Layer):
    def log_softmax_along(self, log_p, dz):
        return np.exp(log_p) * super().log_softmax_along(log_p, dz)


@known("dz - Σ p dz for the largest probability, too: a confident row stands still", *EVERY,
       link=ACCURACY)
class confident_row_stands_still(Layer):
    def log_softmax_along(self, log_p, dz):
        return dz - (np.exp(log_p) * dz).sum(-1, keepdims=True)


@known("the tangent of the loss is not negated", "jvp.loss")
class tangent_of_loss_not_negated(Layer):
    def loss_along(self, output, f):
        return 0 - super().loss_along(output, f)


@known("the tangent of the loss is a sum, though the loss is a mean", "jvp.loss")
class tangent_of_loss_is_a_sum(Layer):
    def loss_along(self, output, f):
        total = 0 - output
        return total if self.config.get("reduction") == "none" else total.sum()


# ------------------------------------------------------------------ second order


@known("the Hessian of the loss has the wrong sign in the softmaxes' curvature", *CURVED)
class curvature_negated(Layer):
    def curvature(self, log_p, d_log_p, q):
        return 0 - super().curvature(log_p, d_log_p, q)


@known("the curvature of a softmax is p dz, without the mean that the softmax takes out", *CURVED)
class curvature_without_the_mean(Layer):
    def log_softmax_along(self, log_p, dz):
        self.raw = {**getattr(self, "raw", {}), id(log_p): dz}
        return super().log_softmax_along(log_p, dz)

    def curvature(self, log_p, d_log_p, q):
        return super().curvature(log_p, self.raw[id(log_p)], q)


@known("the Gauss-Newton product is answered: only the softmaxes are curved", *CURVED)
class gauss_newton_for_the_hessian(Layer):
    def weight_gradient_along(self, dy, ddy, x, dx):
        return ddy.T @ x

    def back_along(self, dy, ddy, weight, d_weight):
        return ddy @ weight


@known("a weight's product lacks the term in which its input moves", "hvp.head.weight",
       "hvp.tail.*.*.weight")
class no_cross_term_of_the_input(Layer):
    def weight_gradient_along(self, dy, ddy, x, dx):
        return ddy.T @ x


@known("what goes back lacks the term in which the weight moves", "hvp.input",
       "hvp.tail.*.0.weight")
class no_cross_term_of_the_weight(Layer):
    def back_along(self, dy, ddy, weight, d_weight):
        return ddy @ weight


@known("a weight's product holds only the term in which its input moves", "hvp.head.weight",
       "hvp.tail.*.*.weight")
class cross_term_alone(Layer):
    def weight_gradient_along(self, dy, ddy, x, dx):
        return dy.T @ dx


@known("the gradient times the tangent is answered, element by element", *CURVED)
class gradient_times_tangent(Layer):
    def hvp(self, x, y, cotangents, tangents):
        d = self.moving(tangents, x)
        return {name.replace("grad.", "hvp."): a * d[name.removeprefix("grad.")].reshape(a.shape)
                for name, a in self.backward(x, y, cotangents).items()
                if name.removeprefix("grad.") in d}


@known("tails do not reach the input in the product with the Hessian", "hvp.input")
class tails_do_not_curve_the_input(Layer):
    def scatter_along(self, moved, rows, part):
        pass


@known("a tail overwrites what the head's curvature gave the input's rows", "hvp.input")
class tail_curvature_overwrites(Layer):
    def scatter_along(self, moved, rows, part):
        moved[rows] = part


@known("the Hessian is that of the loss alone: the cotangent of output is dropped", *CURVED)
class hessian_of_the_loss_alone(Layer):
    def hvp(self, x, y, cotangents, tangents):
        cotangents = {name: g for name, g in cotangents.items() if name != "output"}
        return super().hvp(x, y, cotangents, tangents)


@known("a bias's product with the Hessian is its gradient", "hvp.head.bias", "hvp.tail.*.1.bias")
class bias_product_is_its_gradient(Layer):
    def hvp(self, x, y, cotangents, tangents):
        found = super().hvp(x, y, cotangents, tangents)
        there = self.backward(x, y, cotangents)
        return {name: there[name.replace("hvp.", "grad.")] if name.endswith("bias") else a
                for name, a in found.items()}
