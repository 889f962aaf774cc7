"""Labels: off by one, or smoothed otherwise than to (1 - ε) at the target and ε/C everywhere."""
import numpy as np

from npadasoft.conformance.mistakes.known import Layer, known
from npadasoft.conformance.mistakes.routing import PLACES

SMOOTHED = ("loss", "grad.head_logits", "grad.input", "grad.head.*")


@known("each target is taken for the class before it, class 0 for the last one", *PLACES)
class targets_one_too_low(Layer):
    def check_targets(self, y):
        return (super().check_targets(y) - 1) % self.config["n_classes"]


@known("each target is taken for the class after it, the last one for class 0", *PLACES)
class targets_one_too_high(Layer):
    def check_targets(self, y):
        return (super().check_targets(y) + 1) % self.config["n_classes"]


@known("label_smoothing is ignored", *SMOOTHED)
class labels_not_smoothed(Layer):
    def shares(self, column, C, smoothing):
        return super().shares(column, C, 0.0)


@known("labels are smoothed over the other classes, C - 1 of them: the target has 1 - ε alone",
       *SMOOTHED, link="https://arxiv.org/abs/1512.00567")
class smoothing_over_the_other_classes(Layer):
    def shares(self, column, C, smoothing):
        found = np.full((len(column), C), smoothing / max(C - 1, 1))
        found[np.arange(len(found)), column] = 1 - smoothing
        return found


@known("ε/C is added to every label, and nothing is taken from the target's", *SMOOTHED)
class smoothing_beside_the_whole_label(Layer):
    def shares(self, column, C, smoothing):
        return super().shares(column, C, 0.0) + smoothing / C


@known("smoothed labels are 1 - ε at the target and ε everywhere", *SMOOTHED)
class smoothing_not_shared_out(Layer):
    def shares(self, column, C, smoothing):
        return super().shares(column, C, 0.0) * (1 - smoothing) + smoothing
