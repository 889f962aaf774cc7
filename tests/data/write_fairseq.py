"""Write fairseq*.pt: python write_fairseq.py adaptive_softmax.py  (0.12.2, PyTorch 2.13.0).

The argument is fairseq/modules/adaptive_softmax.py of the sdist.  Of the package it needs dropout
and quantisation noise, which are off here and stand-ins below.
"""
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent


class NoDropout(torch.nn.Module):
    def __init__(self, p, module_name=None):
        super().__init__()
        self.p = p

    def forward(self, x):
        return x


class Adaptive:
    """Adaptive inputs of two bands beside the short-list, as AdaptiveSoftmax asks for them."""

    def __init__(self, *shapes):
        self.bands = [(torch.nn.Parameter(torch.randn(n, e).double()),
                       torch.nn.Parameter(torch.randn(8, e).double())) for n, e in shapes]

    def weights_for_band(self, i):
        return self.bands[i]


for name, content in {"fairseq": {}, "fairseq.modules": {},
                      "fairseq.modules.fairseq_dropout": {"FairseqDropout": NoDropout},
                      "fairseq.modules.quant_noise": {"quant_noise": lambda m, *_: m}}.items():
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(content)
spec = importlib.util.spec_from_file_location("adaptive_softmax", sys.argv[1])
fairseq = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fairseq)

torch.manual_seed(0)
for name, options in {"fairseq": {}, "fairseq_tied": {
        "adaptive_inputs": Adaptive((3, 4), (4, 3), (5, 2))}}.items():
    module = fairseq.AdaptiveSoftmax(12, 8, [3, 7], 0.0, factor=2.0, **options).double().eval()
    torch.save(module.state_dict(), HERE / f"{name}.pt")
    x = torch.randn(7, 8).double()
    log_prob = module.get_log_prob(x[:, None], None)[:, 0]
    np.savez(HERE / f"{name}_numbers.npz", input=x.numpy(), log_prob=log_prob.detach().numpy())
