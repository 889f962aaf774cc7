"""Write hf_*.pt and txl_*.pt: python write_transfo_xl.py hf|txl FILE  (PyTorch 2.13.0).

hf:  transformers/models/transfo_xl/modeling_transfo_xl_utilities.py of transformers 4.35.2
txl: pytorch/utils/proj_adaptive_softmax.py of kimiyoung/transformer-xl
"""
import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
which, path = sys.argv[1:]
spec = importlib.util.spec_from_file_location("theirs", path)
theirs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(theirs)

torch.manual_seed(0)
table = ("shared_projected", 6, 1) if which == "hf" else ("shared", 8, 1)
for name, n_embed, div_val in ("projected", 6, 2), table:
    module = theirs.ProjectedAdaptiveLogSoftmax(12, n_embed, 8, [3, 7], div_val, keep_order=True)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    torch.save(module.state_dict(), HERE / f"{which}_{name}.pt")
    x, y = torch.randn(12, 8).double(), torch.arange(12)
    if which == "hf":           # its labels are shifted by one within it
        x_in, y_in = torch.cat([x, x[:1]]), torch.cat([y[:1], y])
    else:
        x_in, y_in = x, y
    np.savez(HERE / f"{which}_{name}_numbers.npz", input=x.numpy(), target=y.numpy(),
             output=-module(x_in, y_in).detach().numpy())
