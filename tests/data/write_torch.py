"""Write the files of this folder that PyTorch wrote: python write_torch.py  (2.13.0)."""
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
np.savez(HERE / "torch_bits.npz", **{name: tensor.numpy() for name, tensor in state.items()})
np.savez(HERE / "torch_numbers.npz",
         **{name: tensor.detach().numpy() for name, tensor in numbers(module).items()})
