"""Write the files of this folder that PyTorch wrote: python write_torch.py  (2.13.0)."""
import argparse
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent


def numbers(module):
    """Input, target, and what the module makes of them, in float64."""
    x = torch.randn(7, module.in_features, dtype=torch.float64)
    y = torch.tensor([0, 3, 7, 11, 2, 6, 4])
    module = module.double()
    output, loss = module(x, y)
    return {"input": x, "target": y, "output": output, "loss": loss,
            "log_prob": module.log_prob(x)}


torch.manual_seed(0)
module = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, head_bias=True)
state = module.state_dict()
torch.save(state, HERE / "torch_float32.pt")
torch.save({name: tensor.bfloat16() for name, tensor in state.items()}, HERE / "torch_bfloat16.pt")
torch.save({"model": state, "epoch": 3}, HERE / "torch_checkpoint.pt")
torch.save(dict(module.named_parameters()), HERE / "torch_parameters.pt")
torch.save({"t": torch.arange(24.0).reshape(4, 6)[1:, ::2].T}, HERE / "torch_strided.pt")
torch.save(state, HERE / "torch_protocol5.pt", pickle_protocol=5)
torch.save(state, HERE / "torch_old.pt", _use_new_zipfile_serialization=False)
torch.save(module, HERE / "torch_module.pt")
torch.jit.script(torch.nn.Linear(2, 1)).save(HERE / "torch_script.pt")

# whatever may stand in a checkpoint, and every way of storing a tensor
small = torch.nn.Linear(3, 2)
optimizer = torch.optim.AdamW(small.parameters())
small(torch.ones(3)).sum().backward()
optimizer.step()
torch.save({
    "conj": torch.tensor([[1 + 2j, 3 - 1j]]).mH, "neg": torch._neg_view(torch.arange(3.0)),
    "expanded": torch.zeros(1, 1).expand(4, 6), "window": torch.arange(5.0).unfold(0, 3, 1),
    "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3),
    "wide": torch.arange(3).to(torch.uint32),
    "float8": torch.ones(2).to(torch.float8_e4m3fn), "half": torch.ones(2).bfloat16(),
    "buffer": torch.nn.Buffer(torch.ones(2)), "parameter": torch.nn.Parameter(torch.ones(2)),
    "tied": state["head.weight"], "again": state["head.weight"],
    "sparse": torch.eye(2).to_sparse(), "meta": torch.ones(2, device="meta"),
    "args": argparse.Namespace(lr=0.1, f=len), "number": np.float64(0.5), "array": np.arange(3),
    "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state(), "none": None, "set": {1},
    "bytes": b"x", "size": torch.Size([2]), ("a", 1): 2, "dtype": torch.float32,
}, HERE / "torch_full.pt")
np.savez(HERE / "torch_bits.npz", **{name: tensor.numpy() for name, tensor in state.items()})
np.savez(HERE / "torch_numbers.npz",
         **{name: tensor.detach().numpy() for name, tensor in numbers(module).items()})
