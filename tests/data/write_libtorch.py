"""Write libtorch.pt and libtorch_numbers.npz: python write_libtorch.py  (PyTorch 2.13.0, g++).

The C++ layer writes its weights and numbers itself, as dicts of tensors, by torch::pickle_save.
"""
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.utils import cpp_extension

HERE = Path(__file__).parent
SOURCE = r"""
#include <torch/torch.h>
#include <fstream>
using Tensors = c10::Dict<std::string, torch::Tensor>;

static void write(const char* path, const Tensors& tensors) {
  auto bytes = torch::pickle_save(tensors);
  std::ofstream(path, std::ios::binary).write(bytes.data(), bytes.size());
}
int main(int, char** path) {
  torch::manual_seed(0);
  auto options = torch::nn::AdaptiveLogSoftmaxWithLossOptions(8, 12, {3, 7});
  torch::nn::AdaptiveLogSoftmaxWithLoss layer(options.div_value(2.0).head_bias(true));
  layer->to(torch::kFloat64);
  torch::NoGradGuard guard;
  Tensors weights, numbers;
  for (const auto& pair : layer->named_parameters()) weights.insert(pair.key(), pair.value());
  write(path[1], weights);
  auto x = torch::randn({7, 8}, torch::kFloat64);
  auto y = torch::tensor({0, 3, 7, 11, 2, 6, 4}, torch::kInt64);
  auto result = layer->forward(x, y);
  numbers.insert("input", x);
  numbers.insert("target", y);
  numbers.insert("output", result.output);
  numbers.insert("loss", torch::tensor(result.loss, torch::kFloat64));
  numbers.insert("log_prob", layer->log_prob(x));
  write(path[2], numbers);
}
"""
with tempfile.TemporaryDirectory() as folder:
    source, program, numbers = (Path(folder) / name for name in ("w.cpp", "w", "numbers.pt"))
    source.write_text(SOURCE)
    paths = [f"-I{path}" for path in cpp_extension.include_paths()]
    folders = [flag for path in cpp_extension.library_paths()
               for flag in (f"-L{path}", f"-Wl,-rpath,{path}")]
    subprocess.run(["g++", "-std=c++20", "-w", *paths, str(source), *folders, "-ltorch",
                    "-ltorch_cpu", "-lc10", "-o", str(program)], check=True)
    subprocess.run([str(program), str(HERE / "libtorch.pt"), str(numbers)], check=True)
    found = {}
    for path in HERE / "libtorch.pt", numbers:          # PyTorch trusts no dict of its C++ library
        found |= torch.load(path, weights_only=False)
    np.savez(HERE / "libtorch_numbers.npz",
             **{name: tensor.detach().numpy() for name, tensor in found.items()})
