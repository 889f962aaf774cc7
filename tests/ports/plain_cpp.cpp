// A port of the adaptive log-softmax, judged by
//
//     g++ -std=c++17 -O2 -o plain_cpp plain_cpp.cpp && npadasoft conform -- ./plain_cpp
//
// Needs nlohmann/json, one header: on Debian apt install nlohmann-json3-dev.
// The template (npadasoft port-template cpp) with its mathematics written.
//
// The layer: classes 0 .. s-1 are the short-list, s = cutoffs[0]; tail i (from 0) holds the classes from
// cutoffs[i] up to the next cutoff, the last tail up to n_classes.  A target equal to a cutoff belongs to the
// tail that begins there.  With x one row of the input, W = head.weight, b = head.bias, P = tail.i.0.weight,
// U = tail.i.1.weight, all stored (out, in):
//
//     A = log_softmax(W x + b)            columns: class 0 .. s-1, then tail 0, 1, 2, ...
//     B = log_softmax(U (P x))            of tail i; a few cases add tail.i.1.bias to its scores
//     log_prob[k] = A[k]                              if k < s
//                 = A[s + i] + B[k - cutoffs[i]]      if k is in tail i
//     output[n] = log_prob of row n at its target;    loss = -mean(output);    predict = argmax of log_prob
//
// Number is float or double, as the judge asks.  A Tensor is its shape and its numbers, last axis fastest.
// Batch axes come as one: a batch of 2 by 3 rows as six rows, one row without a batch as a batch of one; they go
// back as they came.  Without a row the loss is the mean of nothing, nan, and gradients are 0.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using json = nlohmann::json;

const char *NAME = "plain-cpp", *VERSION = "1";
const std::vector<std::string> DTYPES = {"float64", "float32"};
const std::vector<std::string> OPS = {"shapes", "forward", "log_prob", "predict", "backward", "log_prob_backward"};
const std::vector<std::string> TRACE = {
    "cluster", "head_column", "head_logits", "head_log_prob", "tail.*.relative_target", "tail.*.hidden",
    "tail.*.logits", "tail.*.log_prob", "grad.head_logits", "grad.tail.*.hidden", "grad.tail.*.logits"};

// An error answer; kind is target, shape, cutoffs, config, dtype, unsupported or other.
struct Refused : std::runtime_error {
  std::string kind;
  Refused(std::string kind, const std::string &message) : std::runtime_error(message), kind(std::move(kind)) {}
};

// Something that this port knowingly does not support: throw Skip("why").
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Number>
struct Tensor {
  std::vector<size_t> shape;
  std::vector<Number> data;

  Tensor() : data(1) {}                 // a scalar
  explicit Tensor(std::vector<size_t> s)
      : shape(std::move(s)),
        data(std::accumulate(shape.begin(), shape.end(), size_t(1), std::multiplies<size_t>())) {}
  Number &operator()(size_t i, size_t j) { return data[i * shape[1] + j]; }
  Number operator()(size_t i, size_t j) const { return data[i * shape[1] + j]; }
};

template <class Number>
using Tensors = std::map<std::string, Tensor<Number>>;
using Targets = std::vector<int64_t>;

struct Config {
  long in_features, n_classes;
  std::vector<double> cutoffs;          // as they came; `shapes` has refused what is no integer
  double div_value;
  bool head_bias;
  // beyond the layer, in a few cases, so that you may throw Skip:
  std::optional<int64_t> ignore_index;  // rows with this target have output 0 and do not count in the loss
  std::string reduction;                // "mean"; "sum" makes the loss a sum, "none" a number a row
};

// ---------------------------------------------------------------- the mathematics

// Rows of zeros.
template <class Number>
Tensor<Number> zeros(size_t rows, size_t columns) {
  return Tensor<Number>({rows, columns});
}

// x W' + b: (N, in), (out, in) -> (N, out).
template <class Number>
Tensor<Number> linear(const Tensor<Number> &x, const Tensor<Number> &weight, const Tensor<Number> *bias = nullptr) {
  auto y = zeros<Number>(x.shape[0], weight.shape[0]);
  for (size_t n = 0; n < y.shape[0]; ++n)
    for (size_t k = 0; k < y.shape[1]; ++k) {
      Number sum = bias ? bias->data[k] : Number(0);
      for (size_t d = 0; d < x.shape[1]; ++d) sum += x(n, d) * weight(k, d);
      y(n, k) = sum;
    }
  return y;
}

// Of y = x W': dW = dy' x, (out, in).
template <class Number>
Tensor<Number> weight_gradient(const Tensor<Number> &dy, const Tensor<Number> &x) {
  auto grad = zeros<Number>(dy.shape[1], x.shape[1]);
  for (size_t n = 0; n < dy.shape[0]; ++n)
    for (size_t k = 0; k < dy.shape[1]; ++k)
      for (size_t d = 0; d < x.shape[1]; ++d) grad(k, d) += dy(n, k) * x(n, d);
  return grad;
}

// Of y = x W': dx = dy W, (N, in).
template <class Number>
Tensor<Number> input_gradient(const Tensor<Number> &dy, const Tensor<Number> &weight) {
  auto grad = zeros<Number>(dy.shape[0], weight.shape[1]);
  for (size_t n = 0; n < dy.shape[0]; ++n)
    for (size_t k = 0; k < dy.shape[1]; ++k)
      for (size_t d = 0; d < weight.shape[1]; ++d) grad(n, d) += dy(n, k) * weight(k, d);
  return grad;
}

// Place of the largest number of row n, the first of equals.
template <class Number>
size_t largest(const Tensor<Number> &z, size_t n) {
  const auto row = z.data.begin() + long(n * z.shape[1]);
  return size_t(std::max_element(row, row + long(z.shape[1])) - row);
}

// log p = (z - max) - log1p(sum of the other exponentials): right to the last digit for the largest entry too.
template <class Number>
Tensor<Number> log_softmax(Tensor<Number> z) {
  for (size_t n = 0; n < z.shape[0]; ++n) {
    const size_t top = largest(z, n);
    const Number shift = z(n, top);
    Number others = 0;
    for (size_t k = 0; k < z.shape[1]; ++k) {
      z(n, k) -= shift;
      if (k != top) others += std::exp(z(n, k));
    }
    for (size_t k = 0; k < z.shape[1]; ++k) z(n, k) -= std::log1p(others);
  }
  return z;
}

// Of q[n] log_p[n, picked[n]]: dz[k] = q (1 at the picked one, else 0) - q p[k]; 1 - p is -expm1(log p).
template <class Number>
Tensor<Number> picked_backward(const Tensor<Number> &log_p, const std::vector<size_t> &picked,
                               const std::vector<Number> &q) {
  Tensor<Number> dz = log_p;
  for (size_t n = 0; n < dz.shape[0]; ++n)
    for (size_t k = 0; k < dz.shape[1]; ++k)
      dz(n, k) = -q[n] * (k == picked[n] ? std::expm1(log_p(n, k)) : std::exp(log_p(n, k)));
  return dz;
}

// Of sum(grad * log_p): dz[k] = grad[k] - p[k] sum(grad).  For the largest entry this is
// (1 - p) grad - p sum(the others), which does not cancel.
template <class Number>
Tensor<Number> log_softmax_backward(const Tensor<Number> &log_p, const Tensor<Number> &grad) {
  Tensor<Number> dz = log_p;
  for (size_t n = 0; n < dz.shape[0]; ++n) {
    const size_t top = largest(log_p, n);
    Number others = 0;
    for (size_t k = 0; k < dz.shape[1]; ++k)
      if (k != top) others += grad(n, k);
    for (size_t k = 0; k < dz.shape[1]; ++k)
      dz(n, k) = grad(n, k) - std::exp(log_p(n, k)) * (others + grad(n, top));
    dz(n, top) = -std::expm1(log_p(n, top)) * grad(n, top) - std::exp(log_p(n, top)) * others;
  }
  return dz;
}

template <class Number>
struct Scored {                         // one softmax, over the rows that it has
  std::vector<size_t> rows, picked;     // rows of the batch; the column that each row's target has here
  Tensor<Number> input, hidden, logits, log_p;          // the head has no hidden
};

std::string tail_name(size_t i) { return "tail." + std::to_string(i); }

template <class Number>
Scored<Number> score_head(const Tensors<Number> &params, const Tensor<Number> &input) {
  const auto bias = params.find("head.bias");
  Scored<Number> head;
  head.input = input;
  head.logits = linear(input, params.at("head.weight"), bias == params.end() ? nullptr : &bias->second);
  head.log_p = log_softmax(head.logits);
  return head;
}

template <class Number>
Scored<Number> score_tail(const Tensors<Number> &params, size_t i, const Tensor<Number> &input,
                          const std::vector<size_t> &rows) {
  Scored<Number> tail;
  tail.rows = rows;
  tail.input = zeros<Number>(rows.size(), input.shape[1]);
  for (size_t j = 0; j < rows.size(); ++j)
    for (size_t d = 0; d < input.shape[1]; ++d) tail.input(j, d) = input(rows[j], d);
  tail.hidden = linear(tail.input, params.at(tail_name(i) + ".0.weight"));
  const auto bias = params.find(tail_name(i) + ".1.bias");
  tail.logits = linear(tail.hidden, params.at(tail_name(i) + ".1.weight"),
                       bias == params.end() ? nullptr : &bias->second);
  tail.log_p = log_softmax(tail.logits);
  return tail;
}

template <class Number>
void check_input(const Config &config, const Tensor<Number> &input) {
  if (config.ignore_index || config.reduction != "mean") throw Skip("ignore_index and reduction are not supported");
  if (input.shape[1] != size_t(config.in_features))
    throw Refused("shape", "input should have " + std::to_string(config.in_features) + " columns, but has " +
                               std::to_string(input.shape[1]));
}

template <class Number>
void check(const Config &config, const Tensor<Number> &input, const Targets &target) {
  check_input(config, input);
  if (input.shape[0] != target.size())
    throw Refused("shape", std::to_string(input.shape[0]) + " rows, but " + std::to_string(target.size()) + " targets");
  for (const int64_t y : target)
    if (y < 0 || y >= config.n_classes)
      throw Refused("target", "target " + std::to_string(y) + " is not in 0 .. " + std::to_string(config.n_classes - 1));
}

template <class Number>
struct Pass {                           // what forward computes and backward needs
  std::vector<size_t> cluster;          // of each row: 0 is the short-list, i + 1 is tail i
  Scored<Number> head;
  std::vector<Scored<Number>> tails;
};

template <class Number>
Pass<Number> pass_forward(const Config &config, const Tensors<Number> &params, const Tensor<Number> &input,
                          const Targets &target) {
  check(config, input, target);
  const auto &cutoffs = config.cutoffs;
  Pass<Number> pass;
  pass.head = score_head(params, input);
  std::vector<std::vector<size_t>> rows(cutoffs.size() + 1), places(cutoffs.size() + 1);
  for (size_t n = 0; n < target.size(); ++n) {
    // the number of cutoffs that are <= the target: one equal to a cutoff belongs to the next cluster
    const auto c = size_t(std::upper_bound(cutoffs.begin(), cutoffs.end(), double(target[n])) - cutoffs.begin());
    pass.cluster.push_back(c);
    pass.head.picked.push_back(c == 0 ? size_t(target[n]) : size_t(cutoffs[0]) + c - 1);
    rows[c].push_back(n);
    places[c].push_back(c == 0 ? 0 : size_t(target[n]) - size_t(cutoffs[c - 1]));
  }
  for (size_t i = 0; i < cutoffs.size(); ++i) {
    pass.tails.push_back(score_tail(params, i, input, rows[i + 1]));
    pass.tails[i].picked = places[i + 1];
  }
  return pass;
}

template <class Number, class Integers>
Tensor<Number> as_tensor(const Integers &values) {
  Tensor<Number> tensor({values.size()});
  std::copy(values.begin(), values.end(), tensor.data.begin());
  return tensor;
}

// "output" and "loss", and what TRACE announces.
template <class Number>
Tensors<Number> forward(const Config &config, const Tensors<Number> &params, const Tensor<Number> &input,
                        const Targets &target) {
  const auto pass = pass_forward(config, params, input, target);
  Tensor<Number> output({target.size()}), loss;
  for (size_t n = 0; n < target.size(); ++n) output.data[n] = pass.head.log_p(n, pass.head.picked[n]);
  for (const auto &tail : pass.tails)
    for (size_t j = 0; j < tail.rows.size(); ++j) output.data[tail.rows[j]] += tail.log_p(j, tail.picked[j]);
  for (const Number v : output.data) loss.data[0] -= v;
  loss.data[0] /= Number(target.size());
  Tensors<Number> found = {{"output", output}, {"loss", loss}, {"cluster", as_tensor<Number>(pass.cluster)},
                           {"head_column", as_tensor<Number>(pass.head.picked)},
                           {"head_logits", pass.head.logits}, {"head_log_prob", pass.head.log_p}};
  for (size_t i = 0; i < pass.tails.size(); ++i) {
    found[tail_name(i) + ".relative_target"] = as_tensor<Number>(pass.tails[i].picked);
    found[tail_name(i) + ".hidden"] = pass.tails[i].hidden;
    found[tail_name(i) + ".logits"] = pass.tails[i].logits;
    found[tail_name(i) + ".log_prob"] = pass.tails[i].log_p;
  }
  return found;
}

template <class Number>
Tensor<Number> column_sums(const Tensor<Number> &dz) {
  Tensor<Number> sums({dz.shape[1]});
  for (size_t i = 0; i < dz.data.size(); ++i) sums.data[i % sums.data.size()] += dz.data[i];
  return sums;
}

// Gradients of the weights and of the input, from those of the logits.
template <class Number>
Tensors<Number> pull_back(const Tensors<Number> &params, const Pass<Number> &pass, const Tensor<Number> &dz_head,
                          const std::vector<Tensor<Number>> &dz_tails) {
  Tensors<Number> grads = {{"grad.head_logits", dz_head}};
  grads["grad.head.weight"] = weight_gradient(dz_head, pass.head.input);
  if (params.count("head.bias")) grads["grad.head.bias"] = column_sums(dz_head);
  auto dx = input_gradient(dz_head, params.at("head.weight"));
  for (size_t i = 0; i < pass.tails.size(); ++i) {
    const auto &tail = pass.tails[i];
    const std::string name = "grad." + tail_name(i);
    const auto dhidden = input_gradient(dz_tails[i], params.at(tail_name(i) + ".1.weight"));
    grads[name + ".logits"] = dz_tails[i];
    grads[name + ".hidden"] = dhidden;
    grads[name + ".1.weight"] = weight_gradient(dz_tails[i], tail.hidden);
    grads[name + ".0.weight"] = weight_gradient(dhidden, tail.input);
    if (params.count(tail_name(i) + ".1.bias")) grads[name + ".1.bias"] = column_sums(dz_tails[i]);
    const auto part = input_gradient(dhidden, params.at(tail_name(i) + ".0.weight"));
    for (size_t j = 0; j < tail.rows.size(); ++j)
      for (size_t d = 0; d < dx.shape[1]; ++d) dx(tail.rows[j], d) += part(j, d);
  }
  grads["grad.input"] = dx;
  return grads;
}

// Gradients of the sum of cotangent * output plus cotangent * loss; an absent cotangent is 0.
template <class Number>
Tensors<Number> backward(const Config &config, const Tensors<Number> &params, const Tensor<Number> &input,
                         const Targets &target, const Tensors<Number> &cotangents) {
  const auto pass = pass_forward(config, params, input, target);
  std::vector<Number> q(target.size());                         // dL/d output
  if (cotangents.count("output")) q = cotangents.at("output").data;
  if (cotangents.count("loss"))
    for (Number &v : q) v -= cotangents.at("loss").data[0] / Number(q.size());
  std::vector<Tensor<Number>> dz_tails;
  for (const auto &tail : pass.tails) {
    std::vector<Number> own;
    for (const size_t n : tail.rows) own.push_back(q[n]);
    dz_tails.push_back(picked_backward(tail.log_p, tail.picked, own));
  }
  return pull_back(params, pass, picked_backward(pass.head.log_p, pass.head.picked, q), dz_tails);
}

// Head and all tails, of all rows.
template <class Number>
Pass<Number> pass_all(const Config &config, const Tensors<Number> &params, const Tensor<Number> &input) {
  check_input(config, input);
  std::vector<size_t> rows(input.shape[0]);
  std::iota(rows.begin(), rows.end(), size_t(0));
  Pass<Number> pass;
  pass.head = score_head(params, input);
  for (size_t i = 0; i < config.cutoffs.size(); ++i) pass.tails.push_back(score_tail(params, i, input, rows));
  return pass;
}

// (rows, n_classes).
template <class Number>
Tensor<Number> log_prob(const Config &config, const Tensors<Number> &params, const Tensor<Number> &input) {
  const auto pass = pass_all(config, params, input);
  const auto s = size_t(config.cutoffs[0]);
  auto found = zeros<Number>(input.shape[0], size_t(config.n_classes));
  for (size_t n = 0; n < input.shape[0]; ++n) {
    for (size_t k = 0; k < s; ++k) found(n, k) = pass.head.log_p(n, k);
    for (size_t i = 0; i < pass.tails.size(); ++i)
      for (size_t k = 0; k < pass.tails[i].log_p.shape[1]; ++k)
        found(n, size_t(config.cutoffs[i]) + k) = pass.head.log_p(n, s + i) + pass.tails[i].log_p(n, k);
  }
  return found;
}

// As `backward`, of the sum of cotangent * log_prob.
template <class Number>
Tensors<Number> log_prob_backward(const Config &config, const Tensors<Number> &params, const Tensor<Number> &input,
                                  const Tensor<Number> &cotangent) {
  const auto pass = pass_all(config, params, input);
  const auto s = size_t(config.cutoffs[0]);
  Tensor<Number> head = pass.head.log_p;
  for (size_t n = 0; n < input.shape[0]; ++n)
    for (size_t k = 0; k < head.shape[1]; ++k) head(n, k) = k < s ? cotangent(n, k) : Number(0);
  std::vector<Tensor<Number>> dz_tails;
  for (size_t i = 0; i < pass.tails.size(); ++i) {
    Tensor<Number> part = pass.tails[i].log_p;
    for (size_t n = 0; n < input.shape[0]; ++n)
      for (size_t k = 0; k < part.shape[1]; ++k) {
        part(n, k) = cotangent(n, size_t(config.cutoffs[i]) + k);
        head(n, s + i) += part(n, k);                           // log_prob = A[column] + B
      }
    dz_tails.push_back(log_softmax_backward(pass.tails[i].log_p, part));
  }
  return pull_back(params, pass, log_softmax_backward(pass.head.log_p, head), dz_tails);
}

// The most probable class of each row: (rows).
template <class Number>
Tensor<Number> predict(const Config &config, const Tensors<Number> &params, const Tensor<Number> &input) {
  const auto log_p = log_prob(config, params, input);
  Tensor<Number> best({input.shape[0]});
  for (size_t n = 0; n < input.shape[0]; ++n) best.data[n] = Number(largest(log_p, n));
  return best;
}

// ---------------------------------------------------------------- shapes: written, and worth reading

// a // b as Python has it: the floor of the exact quotient, where floor(a / b) rounds first.
double floor_divide(double a, double b) { return std::round((a - std::fmod(a, b)) / b); }

// Shape of every weight; a configuration that makes no layer is refused.
json shapes(const Config &config) {
  std::vector<double> edges = config.cutoffs;
  edges.push_back(double(config.n_classes));
  bool increase = !config.cutoffs.empty() && edges[0] >= 1;
  for (size_t i = 0; i + 1 < edges.size(); ++i)
    increase = increase && edges[i] < edges[i + 1] && edges[i] == std::floor(edges[i]);
  if (config.in_features < 1 || config.n_classes < 2 || !(config.div_value > 0))
    throw Refused("config", "in_features, n_classes or div_value makes no layer");
  if (!increase) throw Refused("cutoffs", "cutoffs should increase within 1 .. n_classes - 1");
  const long head = long(config.cutoffs[0]) + long(config.cutoffs.size());
  json found = {{"head.weight", {head, config.in_features}}};
  if (config.head_bias) found["head.bias"] = std::vector<long>{head};
  for (size_t i = 0; i < config.cutoffs.size(); ++i) {
    const double power = std::pow(config.div_value, double(i + 1));
    if (!std::isfinite(power)) throw Refused("config", "hidden size of a tail is not finite");
    const long hidden = long(floor_divide(double(config.in_features), power));
    const std::string tail = "tail." + std::to_string(i);
    found[tail + ".0.weight"] = std::vector<long>{hidden, config.in_features};
    found[tail + ".1.weight"] = std::vector<long>{long(edges[i + 1] - edges[i]), hidden};
  }
  return found;
}

// ---------------------------------------------------------------- the protocol: nothing to change

double read_number(const json &value) {
  if (!value.is_string()) return value.get<double>();
  const std::string word = value.get<std::string>();
  if (word == "nan") return std::nan("");
  return (word[0] == '-' ? -1 : 1) * std::numeric_limits<double>::infinity();
}

json write_number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

template <class Number>
Tensor<Number> read_tensor(const json &value) {
  Tensor<Number> tensor(value.at("shape").get<std::vector<size_t>>());
  for (size_t i = 0; i < tensor.data.size(); ++i) tensor.data[i] = Number(read_number(value.at("data").at(i)));
  return tensor;
}

// All axes before the last `axes - 1` made into one.
template <class Number>
Tensor<Number> rows_of(Tensor<Number> tensor, size_t axes) {
  const size_t lead = tensor.shape.size() - std::min(tensor.shape.size(), axes - 1);
  size_t rows = 1;
  for (size_t i = 0; i < lead; ++i) rows *= tensor.shape[i];
  tensor.shape.erase(tensor.shape.begin(), tensor.shape.begin() + long(lead));
  tensor.shape.insert(tensor.shape.begin(), rows);
  return tensor;
}

// The shape of a public tensor, known from the request; null for the others.
json shape_of(const json &message, const std::string &name) {
  json rows = message.at("inputs").at("input").at("shape");
  if (name == "grad.input") return rows;
  if (name.rfind("grad.", 0) == 0) {
    const std::string of = name.substr(5);
    return message.at("params").contains(of) ? message.at("params").at(of).at("shape") : json();
  }
  rows.erase(rows.size() - 1);
  if (name == "loss") return json::array();
  if (name == "log_prob") rows.push_back(message.at("config").at("n_classes"));
  return name == "output" || name == "predict" || name == "log_prob" ? rows : json();
}

template <class Number>
json write_tensor(const Tensor<Number> &tensor) {
  json data = json::array();
  for (Number v : tensor.data) data.push_back(write_number(double(v)));
  return {{"shape", tensor.shape}, {"data", data}};
}

template <class Number>
Tensors<Number> read_tensors(const json &group) {
  Tensors<Number> found;
  for (const auto &[name, value] : group.items())
    if (name != "target") found[name] = read_tensor<Number>(value);
  return found;
}

Config read_config(const json &value) {
  const json ignored = value.value("ignore_index", json());
  return {value.at("in_features").get<long>(), value.at("n_classes").get<long>(),
          value.at("cutoffs").get<std::vector<double>>(), value.at("div_value").get<double>(),
          value.at("head_bias").get<bool>(),
          ignored.is_null() ? std::nullopt : std::optional<int64_t>(ignored.get<int64_t>()),
          value.value("reduction", "mean")};
}

// Targets have the batch axes of the input, seen here because they are flattened below.
void check_batch(const json &inputs) {
  json rows = inputs.at("input").at("shape");
  rows.erase(rows.size() - 1);
  if (inputs.contains("target") && inputs.at("target").at("shape") != rows)
    throw Refused("shape", "target should have shape " + rows.dump() + ", but found " +
                               inputs.at("target").at("shape").dump());
}

template <class Number>
json run(const json &message) {
  const Config config = read_config(message.at("config"));
  const auto params = read_tensors<Number>(message.at("params"));
  auto cotangents = read_tensors<Number>(message.at("cotangents"));
  for (auto &[name, tensor] : cotangents)
    if (name != "loss") tensor = rows_of(tensor, name == "log_prob" ? 2 : 1);
  const json &inputs = message.at("inputs");
  check_batch(inputs);
  const auto input = rows_of(read_tensor<Number>(inputs.at("input")), 2);
  const Targets target = inputs.contains("target") ? inputs.at("target").at("data").get<Targets>() : Targets();
  const std::string op = message.at("op");
  Tensors<Number> found;
  if (op == "forward") found = forward<Number>(config, params, input, target);
  if (op == "backward") found = backward<Number>(config, params, input, target, cotangents);
  if (op == "log_prob") found["log_prob"] = log_prob<Number>(config, params, input);
  if (op == "predict") found["predict"] = predict<Number>(config, params, input);
  if (op == "topk") throw Skip("topk is not written");
  if (op == "log_prob_backward")
    found = log_prob_backward<Number>(config, params, input, cotangents.at("log_prob"));
  json results = json::object();
  for (const std::string name : message.at("want"))
    if (found.count(name)) {
      results[name] = write_tensor(found.at(name));
      const json shape = shape_of(message, name);
      if (!shape.is_null()) results[name]["shape"] = shape;
    }
  return {{"results", results}};
}

// The bits of the numbers as this port read them, and the numbers written again: a reader or a writer that rounds
// wrongly shows here.
json echo(const json &message) {
  const bool wide = message.at("dtype") == "float64";
  json bits = json::array(), data = json::array();
  for (const json &value : message.at("data")) {
    const double number = read_number(value);
    const float narrow = float(number);
    uint64_t pattern = 0;
    uint32_t half = 0;
    std::memcpy(&pattern, &number, 8);
    std::memcpy(&half, &narrow, 4);
    char text[17];
    std::snprintf(text, sizeof text, wide ? "%016llx" : "%08llx", (unsigned long long)(wide ? pattern : half));
    bits.push_back(text);
    data.push_back(write_number(wide ? number : double(narrow)));
  }
  return {{"bits", bits}, {"data", data}};
}

json answer(const json &message) {
  const std::string command = message.at("cmd");
  try {
    if (command == "start")
      return {{"protocol", 1}, {"implementation", {{"name", NAME}, {"version", VERSION}, {"language", "c++"}}},
              {"dtypes", DTYPES}, {"ops", OPS}, {"trace", TRACE}, {"layout", "out_in"}, {"index_base", 0}};
    if (command == "echo") return echo(message);
    if (command == "shapes") return {{"shapes", shapes(read_config(message.at("config")))}};
    return message.at("dtype") == "float32" ? run<float>(message) : run<double>(message);
  } catch (const Skip &skip) {
    return {{"skipped", true}, {"reason", skip.what()}};
  } catch (const Refused &error) {
    return {{"error", {{"kind", error.kind}, {"message", error.what()}}}};
  } catch (const std::exception &error) {
    return {{"error", {{"kind", "other"}, {"message", error.what()}}}};
  }
}

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const json message = json::parse(line);
    if (message.at("cmd") == "stop") break;
    json reply = answer(message);
    if (message.contains("seq")) reply["seq"] = message["seq"];
    std::cout << reply.dump() << std::endl;
  }
}
