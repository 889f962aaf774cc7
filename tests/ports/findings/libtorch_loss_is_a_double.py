"""libtorch: `loss` is a C++ double, so there is nothing to call backward on.  Compiled, not run."""
import subprocess
import sys
import tempfile
from pathlib import Path

from torch.utils import cpp_extension

SOURCE = """
#include <torch/torch.h>
static_assert(std::is_same<decltype(torch::nn::ASMoutput::loss), double>::value, "mended");
"""
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "loss.cpp"
    path.write_text(SOURCE)
    paths = [f"-I{p}" for p in cpp_extension.include_paths()]
    done = subprocess.run(["g++", "-std=c++20", "-w", "-fsyntax-only", *paths, str(path)])
print("ASMoutput::loss is a double" if done.returncode == 0 else "mended")
sys.exit(done.returncode)
