"""What a known mistake is, and the list that the modules beside this one fill."""
from dataclasses import dataclass

from npadasoft.conformance.mistakes.layer import Layer

PYTORCH = "https://github.com/pytorch/pytorch/issues/"
LIBTORCH = "https://docs.pytorch.org/cppdocs/"
PADDLE = "https://github.com/PaddlePaddle/Paddle"
FAIRSEQ = "https://github.com/facebookresearch/fairseq"
T_XL = "https://github.com/kimiyoung/transformer-xl"
HF = "https://github.com/huggingface/transformers"
GLUON = "https://github.com/dmlc/gluon-nlp"
LUA = "https://github.com/facebookresearch/adaptive-softmax"
SOSKEK = "https://github.com/soskek/efficient_softmax"
ROSINALITY = "https://github.com/rosinality/adaptive-softmax-pytorch"
JOHNTRIMBLE = "https://github.com/johntrimble/adaptive-softmax-keras"
YANGSAIYONG = "https://github.com/yangsaiyong/tf-adaptive-softmax-lstm-lm"
AWD_LSTM = "https://github.com/salesforce/awd-lstm-lm"
FLASHLIGHT = "https://github.com/flashlight/flashlight"
TFMISS = "https://github.com/shkarupa-alex/tfmiss"
MESH = "https://github.com/tensorflow/mesh"
DYNET = "https://github.com/clab/dynet"
ACCURACY = "https://arxiv.org/abs/1909.03469"

SCORES = ("head_log_prob", "tail.*.log_prob")
PARAMETERS = ("grad.head.weight", "grad.head.bias", "grad.tail.*.0.weight", "grad.tail.*.1.weight")
GRADIENTS = ("grad.input", *PARAMETERS)
LOGIT_GRADIENTS = ("grad.head_logits", "grad.tail.*.logits")


@dataclass(frozen=True)
class Mistake:
    """One way to port the layer wrongly.

    `origin` holds patterns of the tensors with which it may begin: the first wrong one of each
    path. It is empty where there is none: what is refused or accepted, and shapes.  `state` says
    that it shows only after an earlier request.
    """

    name: str
    sentence: str
    layer_class: type
    origin: tuple[str, ...]
    link: str | None = None
    state: bool = False


MISTAKES: dict[str, Mistake] = {}


def known(sentence, *origin, link=None, state=False):
    """Enter a class into the list; its name with dashes is the mistake's."""
    def enter(layer_class):
        name = layer_class.__name__.replace("_", "-")
        if name in MISTAKES:
            raise ValueError(f"there are two mistakes called {name}")
        MISTAKES[name] = Mistake(name, sentence, layer_class, origin, link, state)
        return layer_class
    return enter


def both(*mistakes):
    """Several mistakes in one layer."""
    return type("Several", tuple(m.layer_class for m in mistakes), {})


__all__ = ["Layer", "MISTAKES", "Mistake", "both", "known"]
