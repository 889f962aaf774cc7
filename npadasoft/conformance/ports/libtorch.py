"""PyTorch's C++ layer, compiled from the headers of the wheel: `npadasoft conform --port
libtorch`.

The first start compiles the few lines below (half a minute, g++) to build/peers. `loss` is a C++
double, with nothing to differentiate: where a case asks for its gradient, this port does what a
user must, and differentiates the negated mean of `output`.
"""
import hashlib
import subprocess

from npadasoft.conformance.ports.foreign import DTYPES, PEERS, PREDICTS, mean_of_all
from npadasoft.conformance.ports.torch import Torch
from npadasoft.conformance.wire.messages import PortInfo

SOURCE = r"""
#include <torch/autograd.h>
#include <torch/library.h>
#include <torch/nn/modules/adaptive.h>
using torch::Tensor;
using Layer = torch::nn::AdaptiveLogSoftmaxWithLoss;

static Layer make(int64_t features, int64_t classes, at::IntArrayRef cutoffs, double divisor,
                  bool bias) {
  auto options = torch::nn::AdaptiveLogSoftmaxWithLossOptions(features, classes, cutoffs.vec());
  return Layer(options.div_value(divisor).head_bias(bias));
}
static Layer load(int64_t features, int64_t classes, at::IntArrayRef cutoffs, double divisor,
                  bool bias, at::TensorList weights) {
  auto layer = make(features, classes, cutoffs, divisor, bias);
  layer->to(weights[0].scalar_type());
  torch::NoGradGuard guard;
  auto parameters = layer->parameters();
  TORCH_CHECK(parameters.size() == weights.size(), "other parameters than expected");
  for (size_t i = 0; i < weights.size(); i++) {
    TORCH_CHECK(parameters[i].sizes() == weights[i].sizes(), "shape of parameter ", i, ": ",
                parameters[i].sizes(), " for ", weights[i].sizes());
    parameters[i].copy_(weights[i]);
  }
  return layer;
}
static std::vector<Tensor> pull(Layer layer, Tensor x, Tensor total) {
  auto leaves = layer->parameters();
  leaves.insert(leaves.begin(), x);
  auto found = torch::autograd::grad({total}, leaves, {}, {}, false, true);
  for (size_t i = 0; i < found.size(); i++)
    if (!found[i].defined()) found[i] = torch::zeros_like(leaves[i]);
  return found;
}
static std::vector<Tensor> parameters(int64_t d, int64_t c, at::IntArrayRef k, double v, bool b) {
  return make(d, c, k, v, b)->parameters();
}
static std::tuple<Tensor, double> forward(int64_t d, int64_t c, at::IntArrayRef k, double v, bool b,
                                          at::TensorList w, Tensor x, Tensor y) {
  torch::NoGradGuard guard;
  auto result = load(d, c, k, v, b, w)->forward(x, y);
  return {result.output, result.loss};
}
static std::vector<Tensor> backward(int64_t d, int64_t c, at::IntArrayRef k, double v, bool b,
                                    at::TensorList w, Tensor x, Tensor y, Tensor gout,
                                    double gloss) {
  torch::AutoGradMode mode(true);
  auto layer = load(d, c, k, v, b, w);
  auto leaf = x.detach().clone().requires_grad_();
  auto output = layer->forward(leaf, y).output;
  return pull(layer, leaf, (output * gout).sum() - gloss * output.mean());
}
static Tensor log_prob(int64_t d, int64_t c, at::IntArrayRef k, double v, bool b,
                       at::TensorList w, Tensor x) {
  torch::NoGradGuard guard;
  return load(d, c, k, v, b, w)->log_prob(x);
}
static std::vector<Tensor> log_prob_backward(int64_t d, int64_t c, at::IntArrayRef k, double v,
                                             bool b, at::TensorList w, Tensor x, Tensor g) {
  torch::AutoGradMode mode(true);
  auto layer = load(d, c, k, v, b, w);
  auto leaf = x.detach().clone().requires_grad_();
  return pull(layer, leaf, (layer->log_prob(leaf) * g).sum());
}
static Tensor predict(int64_t d, int64_t c, at::IntArrayRef k, double v, bool b,
                      at::TensorList w, Tensor x) {
  torch::NoGradGuard guard;
  return load(d, c, k, v, b, w)->predict(x);
}
TORCH_LIBRARY(npadasoft, m) {
  m.def("parameters", parameters); m.def("forward", forward); m.def("backward", backward);
  m.def("log_prob", log_prob); m.def("log_prob_backward", log_prob_backward);
  m.def("predict", predict);
}
"""


class LibTorch(Torch):
    """`torch::nn::AdaptiveLogSoftmaxWithLoss`."""

    def __init__(self):
        super().__init__()
        self.torch.ops.load_library(str(compiled(self.torch)))
        self.ops = self.torch.ops.npadasoft
        self.info = PortInfo("libtorch", self.torch.__version__, "C++", DTYPES, PREDICTS)

    def build(self, config, params, dtype):
        mean_of_all(config)
        return self._arguments(config), list(params), [self._tensor(a) for a in params.values()]

    def _arguments(self, config):
        return (config["in_features"], config["n_classes"], list(config["cutoffs"]),
                float(config["div_value"]), bool(config["head_bias"]))

    def shapes(self, config):
        found = self.ops.parameters(*self._arguments(config))
        names = ["head.weight", *["head.bias"][:config["head_bias"]]]
        names += [f"tail.{i}.{j}.weight" for i in range(len(config["cutoffs"])) for j in (0, 1)]
        return {name: tensor.shape for name, tensor in zip(names, found)}

    def forward(self, layer, input, target, want):
        arguments, _, weights = layer
        output, loss = self.ops.forward(*arguments, weights, self._tensor(input),
                                        self._tensor(target))
        return {"output": output.numpy(), "loss": loss}

    def backward(self, layer, input, target, cotangents, want):
        arguments, names, weights = layer
        y = self._tensor(target)
        on_output = (self._tensor(cotangents["output"]) if "output" in cotangents
                     else self.torch.zeros(y.shape, dtype=weights[0].dtype))
        found = self.ops.backward(*arguments, weights, self._tensor(input), y, on_output,
                                  float(cotangents.get("loss", 0.0)))
        return _named(names, found)

    def log_prob(self, layer, input):
        arguments, _, weights = layer
        return self.ops.log_prob(*arguments, weights, self._tensor(input)).numpy()

    def log_prob_backward(self, layer, input, cotangent, want):
        arguments, names, weights = layer
        return _named(names, self.ops.log_prob_backward(*arguments, weights, self._tensor(input),
                                                        self._tensor(cotangent)))

    def predict(self, layer, input):
        arguments, _, weights = layer
        return self.ops.predict(*arguments, weights, self._tensor(input)).numpy()


def _named(names, found):
    keys = ["grad.input", *(f"grad.{name}" for name in names)]
    return {key: tensor.numpy() for key, tensor in zip(keys, found)}


def compiled(torch):
    """The shared library, compiled unless it is there already."""
    from torch.utils import cpp_extension
    key = hashlib.sha256((SOURCE + torch.__version__).encode()).hexdigest()[:12]
    library = (PEERS / f"libtorch-{key}.so").absolute()
    if not library.exists():
        PEERS.mkdir(parents=True, exist_ok=True)
        source = library.with_suffix(".cpp")
        source.write_text(SOURCE, encoding="utf-8")
        paths = [f"-I{path}" for path in cpp_extension.include_paths()]
        folders = [flag for path in cpp_extension.library_paths()
                   for flag in (f"-L{path}", f"-Wl,-rpath,{path}")]
        abi = f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}"
        flags = ["-std=c++20", "-O1", "-w", "-fPIC", "-shared", abi, *paths, str(source), *folders,
                 "-ltorch", "-ltorch_cpu", "-lc10", "-o", str(library.with_suffix(".part"))]
        subprocess.run(["g++", *flags], check=True)
        library.with_suffix(".part").rename(library)        # whole, or not there
    return library
