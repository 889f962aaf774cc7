"""Mistakes of the reviewer who has not seen the cases: backward, all classes, and state."""
import numpy as np

from npadasoft.conformance.mistakes.known import GRADIENTS, Layer, known
from npadasoft.conformance.mistakes.unseen import ANSWERS, BACKWARD
from npadasoft.conformance.ports.base import Refused

HEAD_FIRST = ("grad.head_logits", "grad.head.weight", "grad.head.bias", "grad.input")
BEST = ("predict", "topk.index", "topk.log_prob")


# ---------------------------------------------------------------- backward

@known("the gradient of the mean is divided by all rows, padding too", *BACKWARD)
class gradient_counts_padding(Layer):
    def of_loss(self, grad_loss, f):
        q = super().of_loss(grad_loss, f)
        mean = self.config.get("reduction", "mean") == "mean"
        return q * f.x.dtype.type(len(f.kept) / max(f.n, 1)) if mean else q


@known("gradients are those of the mean, whatever the reduction", *BACKWARD)
class gradient_of_the_mean_always(Layer):
    def of_loss(self, grad_loss, f):
        mean = self.config.get("reduction", "mean") == "mean"
        return super().of_loss(grad_loss, f) / (1 if mean else max(len(f.kept), 1))


@known("cotangents of rows' losses go, one after the other, to the rows that count", *BACKWARD)
class loss_cotangents_not_gathered(Layer):
    def of_loss(self, grad_loss, f):
        q = np.array(super().of_loss(grad_loss, f))
        q[f.kept] = q[:len(f.kept)].copy()
        return q


@known("what arrives at output reaches the head alone", "grad.tail.*.logits",
       "grad.tail.*.hidden", "grad.tail.*.0.weight", "grad.tail.*.1.weight", "grad.input")
class cotangent_of_output_reaches_the_head_alone(Layer):
    def upstream(self, grad_output, grad_loss, f):
        f.to_tails = self.of_loss(grad_loss, f)
        return super().upstream(grad_output, grad_loss, f)

    def tail_logit_gradient(self, f, q, i):
        return super().tail_logit_gradient(f, f.to_tails, i)


@known("where something arrives at output, what arrives at the loss is not added", *BACKWARD)
class cotangents_not_added(Layer):
    def backward(self, x, y, cotangents):
        return super().backward(x, y, {n: g for n, g in cotangents.items()
                                       if n == "output" or "output" not in cotangents})


@known("what arrives at the output of an ignored row teaches the head class 0", *HEAD_FIRST)
class ignored_rows_teach_class_zero(Layer):
    def upstream(self, grad_output, grad_loss, f):
        f.q = np.array(super().upstream(grad_output, grad_loss, f))
        f.leak = np.reshape(grad_output, -1)
        return f.q

    def pull_back(self, f, dz, dt):
        found = super().pull_back(f, dz, dt)
        if not hasattr(f, "leak"):
            return found
        ignored = np.setdiff1d(np.arange(f.n), f.kept)
        a = self.head_log_softmax(self.head_logits(f.x[ignored]))
        extra = self.pick_backward(a, np.zeros(len(ignored), int), f.leak[ignored])
        found["grad.head.weight"] = found["grad.head.weight"] + extra.T @ f.x[ignored]
        if "grad.head.bias" in found:
            found["grad.head.bias"] = found["grad.head.bias"] + extra.sum(0)
        flat = found["grad.input"].reshape(f.x.shape).copy()
        flat[ignored] += self.head_to_input(extra)
        return found | {"grad.input": flat.reshape(found["grad.input"].shape)}


@known("backward computes the softmax anew, and subtracts nothing before exp", *BACKWARD)
class backward_without_shift(Layer):
    def anew(self, z, index, q):
        p = np.exp(z)
        p = p / p.sum(-1, keepdims=True)
        p[np.arange(len(p)), index] -= 1
        return -q[:, None] * p

    def head_logit_gradient(self, f, q):
        q = q[f.kept]
        return sum(self.anew(f.z, column, q * share) for column, share in self.labels(f))

    def tail_logit_gradient(self, f, q, i):
        return self.anew(f.t[i], f.place[i], q[f.rows[i]])


@known("a tail's column receives its classes' cotangents times their probabilities",
       *GRADIENTS)
class column_receives_what_is_expected(Layer):
    def log_prob_backward(self, x, grad):
        f = self.everywhere(self.read_input(x))
        self.tails = [np.exp(b) for b in f.b]
        self.next = 0
        return super().log_prob_backward(x, grad)

    def column_cotangent(self, g):
        p, self.next = self.tails[self.next], self.next + 1
        return (g * p).sum(-1)


@known("the head receives nothing from the shortlist's cotangents of log_prob", *GRADIENTS)
class shortlist_cotangents_dropped(Layer):
    def log_prob_backward(self, x, grad):
        grad = grad.copy()
        grad[..., :self.s] = 0
        return super().log_prob_backward(x, grad)


# ---------------------------------------------------------------- all classes, and the best

@known("the head's bias is left out where all classes are asked for", *ANSWERS)
class no_head_bias_in_evaluation(Layer):
    bare = False

    def everywhere(self, x):
        self.bare = True
        return super().everywhere(x)

    def head_logits(self, x):
        return x @ self.head_weight().T if self.bare else super().head_logits(x)


@known("predict takes the first tail's column for the class of the same number", *BEST)
class predict_takes_the_first_cluster_for_a_class(Layer):
    def best(self, f):
        top = f.z.argmax(-1)
        return np.where(top <= self.s, top, self.all_classes(f).argmax(-1))


@known("rows that need the tails receive, in predict, the answers of the first rows", *BEST)
class predict_not_scattered(Layer):
    def best(self, f):
        top = f.z.argmax(-1)
        far = np.flatnonzero(top >= self.s)
        top[far] = self.all_classes(f)[:len(far)].argmax(-1)
        return top


@known("predict looks at no tail as soon as one row's best is in the shortlist", *BEST)
class predict_decided_for_the_batch(Layer):
    def best(self, f):
        near = (f.z.argmax(-1) < self.s).any()
        return f.z[:, :self.s].argmax(-1) if near else super().best(f)


@known("an empty batch is refused where all classes are asked for")
class refuses_an_empty_batch_in_evaluation(Layer):
    def everywhere(self, x):
        if not x.size:
            raise Refused("shape", "there are no rows")
        return super().everywhere(x)


@known("features are not counted where all classes are asked for: surplus ones are dropped")
class surplus_features_in_evaluation(Layer):
    def everywhere(self, x):
        return super().everywhere(x[..., :self.config["in_features"]])


@known("the k best are given in ascending order", "topk.log_prob", "topk.index")
class topk_ascending(Layer):
    def topk(self, x, k):
        return {name: a[..., ::-1] for name, a in super().topk(x, k).items()}


@known("the k best are numbered from 1", "topk.index")
class topk_from_one(Layer):
    def topk(self, x, k):
        found = super().topk(x, k)
        return found | {"topk.index": found["topk.index"] + 1}


# ---------------------------------------------------------------- what an earlier call left

@known("backward keeps the matrices, transposed, of the first layer of this shape",
       "grad.tail.*.hidden", "grad.tail.*.0.weight", "grad.input", state=True)
class transposed_matrices_cached(Layer):
    def cached(self, name, a):
        return self.memory.setdefault(str([name, self.config, a.dtype]), a)

    def hidden_gradient(self, dt, i):
        return dt @ self.cached(f"output {i}", self.output_weight(i))

    def head_to_input(self, dz):
        return dz @ self.cached("head", self.head_weight())

    def tail_to_input(self, ds, i):
        return ds @ self.cached(f"projection {i}", self.projection(i))


@known("log_prob and predict keep the weights that they saw first", *ANSWERS, state=True)
class weights_cached_for_evaluation(Layer):
    def everywhere(self, x):
        mark = str(["evaluation", self.config, x.dtype])
        self.p = self.memory.setdefault(mark, self.p)
        return super().everywhere(x)


@known("the tail of each row is that of the first batch of this shape", "cluster",
       state=True)
class routing_cached_by_shape(Layer):
    def cluster(self, y):
        return self.memory.setdefault(str([self.config, y.shape]), super().cluster(y))

    def head_column(self, y, cluster):
        return np.minimum(super().head_column(y, cluster), self.s + self.J - 1)

    def place(self, y, i):
        return np.clip(super().place(y, i), 0, self.edges[i + 1] - self.edges[i] - 1)
