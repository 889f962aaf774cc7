"""Write *_input*.pt: python write_inputs.py fairseq|hf FILE  (PyTorch 2.13.0).

fairseq: fairseq/modules/adaptive_input.py of fairseq 0.12.2
hf:      transformers/models/transfo_xl/modeling_transfo_xl.py of transformers 4.35.2, installed
"""
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
which, path = sys.argv[1:]
if which == "fairseq":                  # of the package it needs quantisation noise, which is off
    for name, content in {"fairseq": {}, "fairseq.modules": {}, "fairseq.modules.quant_noise":
                          {"quant_noise": lambda m, *_: m}}.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(content)
    spec = importlib.util.spec_from_file_location("theirs", path)
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    modules = {"": theirs.AdaptiveInput(12, 1, 6, 2.0, 8, [3, 7])}
else:                                   # the class alone: the rest of the file needs the package
    source = Path(path).read_text()
    start = source.index("class AdaptiveEmbedding(nn.Module):")
    scope = {"torch": torch, "nn": torch.nn}
    exec(source[start:source.index("\nclass ", start)], scope)
    theirs = scope["AdaptiveEmbedding"]
    modules = {"": theirs(12, 6, 8, [3, 7], 2), "_shared": theirs(12, 6, 8, [3, 7], 1),
               "_plain": theirs(12, 8, 8, [3, 7], 1)}

torch.manual_seed(0)
for name, module in modules.items():
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    torch.save(module.state_dict(), HERE / f"{which}_input{name}.pt")
    index = torch.tensor([[0, 3, 11, 3], [7, 2, 6, 3]])
    output = module(index)
    upstream = torch.randn(output.shape).double()
    (upstream * output).sum().backward()
    np.savez(HERE / f"{which}_input{name}_numbers.npz", index=index.numpy(),
             output=output.detach().numpy(), upstream=upstream.numpy(),
             **{f"grad.{key}": p.grad.numpy() for key, p in module.named_parameters()})
