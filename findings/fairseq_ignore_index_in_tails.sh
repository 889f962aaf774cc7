#!/usr/bin/env bash
# fairseq: AdaptiveLoss takes a real word of every tail for padding, and it pays nothing there.
#
# Guess: padding_idx 1 means that word 1 of the dictionary has no loss.
# What happens: targets are renumbered within each tail first, and ignore_index=1 is applied after:
# the second word of every tail has no loss and no gradient in its tail.
# fairseq 0.12.2 (two files of it; the rest stands in, as its wheel is for Python 3.8) on
# torch 2.13.0, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/pip" install --quiet --no-compile \
    --no-deps --only-binary :all: --python-version 3.8 --platform manylinux1_x86_64 \
    --target "$folder"/venv/lib/python3*/site-packages fairseq==0.12.2 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import importlib.util
import sys
import types

import torch

HOME = importlib.util.find_spec("fairseq").submodule_search_locations[0]


def stand_in(name, **content):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(content)


utils = types.SimpleNamespace(strip_pad=lambda tensor, pad: tensor[tensor.ne(pad)])
stand_in("fairseq", __path__=[HOME], metrics=None, utils=utils)
stand_in("fairseq.modules", __path__=[HOME + "/modules"])
stand_in("fairseq.criterions", __path__=[HOME + "/criterions"], FairseqCriterion=object,
         register_criterion=lambda *_, **__: lambda cls: cls)
stand_in("fairseq.dataclass", FairseqDataclass=object)
stand_in("fairseq.dataclass.constants", DDP_BACKEND_CHOICES=str)
stand_in("omegaconf", II=lambda name: None)
from fairseq.criterions.adaptive_loss import AdaptiveLoss
from fairseq.modules.adaptive_softmax import AdaptiveSoftmax


class Model:
    def __init__(self, layer, x, y):
        self.decoder, self.adaptive_softmax, self.x, self.y = self, layer, x, y

    def __call__(self):
        return (self.x,)

    def get_targets(self, sample, net_output):
        return self.y


def loss(layer, x, y, padding):
    criterion = object.__new__(AdaptiveLoss)
    criterion.padding_idx, criterion.sentence_avg = padding, False
    return criterion.forward(Model(layer, x, y), {"net_input": {}, "target": y})[0].item()


print(f"fairseq 0.12.2, torch {torch.__version__}")
torch.manual_seed(0)
layer = AdaptiveSoftmax(12, 8, [3, 7], 0.0, factor=2.0).double()
x = torch.randn(6, 8).double()
y = torch.tensor([0, 3, 4, 7, 8, 2])            # 4 and 8 are the second words of their tails
paid, due = loss(layer, x, y, padding=1), loss(layer, x, y, padding=10**6)
true = -layer.get_log_prob(x[:, None], None)[:, 0].gather(1, y[:, None]).sum().item()
print(f"no target is 1, the padding: the log-probabilities add up to {true:.6f}; AdaptiveLoss "
      f"says {paid:.6f}, and {due:.6f} if padding is a number that no tail has")
if abs(due - true) > 1e-9 or true - paid < 0.1:
    raise SystemExit("the behaviour has changed")
END
