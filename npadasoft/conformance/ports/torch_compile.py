"""PyTorch's layer behind `torch.compile`: `--port torch-compile`, `--port torch-inductor`.

The first traces forward and backward and runs what was traced without generating code (backend
"aot_eager"); the second is the default, which compiles C++ for every shape and takes half a
minute a case. Each layer is traced anew: beyond eight shapes PyTorch would quietly run it
uncompiled.
"""
from dataclasses import replace

from npadasoft.conformance.ports.foreign import PREDICTS
from npadasoft.conformance.ports.torch import Torch


class TorchCompile(Torch):
    """forward, log_prob and predict, each compiled."""

    backend = "aot_eager"

    def __init__(self):
        super().__init__()
        name = f"torch.compile, {self.backend}"
        self.info = replace(self.info, name=name, ops=PREDICTS)

    def build(self, config, params, dtype):
        self.torch._dynamo.reset()
        layer = super().build(config, params, dtype)
        for name in ("forward", "log_prob", "predict"):
            compiled = self.torch.compile(getattr(layer, name), backend=self.backend)
            setattr(layer, name, compiled)
        return layer

    def graphs(self):
        """How many graphs were made so far in this process: not 0, or nothing was compiled."""
        return self.torch._dynamo.utils.counters["stats"]["unique_graphs"]


class TorchInductor(TorchCompile):
    """The default backend, on a sample of cases."""

    backend = "inductor"
