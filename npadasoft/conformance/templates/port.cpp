// A port of the adaptive log-softmax, judged by
//
//     g++ -std=c++17 -O2 -o port port.cpp && npadasoft conform -- ./port
//
// Needs nlohmann/json, one header: on Debian apt install nlohmann-json3-dev.
// All that speaks to the judge is written.  Fill in the functions under "the mathematics", one after the
// other; when one is done, add its name to OPS and run the judge again.
//
// The layer: classes 0 .. s-1 are the short-list, s = cutoffs[0]; tail i (from 0) holds the classes from
// cutoffs[i] up to the next cutoff, the last tail up to n_classes.  A target equal to a cutoff belongs to the
// tail that begins there.  With x one row of the input, W = head.weight, b = head.bias, P = tail.i.0.weight,
// U = tail.i.1.weight, all stored (out, in):
//
//     A = log_softmax(W x + b)            columns: class 0 .. s-1, then tail 0, 1, 2, ...
//     B = log_softmax(U (P x))            of tail i; a few cases, which you may skip, add tail.i.1.bias to its scores
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

const char *NAME = "my port", *VERSION = "0.1";
const std::vector<std::string> DTYPES = {"float64", "float32"};
// then: "forward", "log_prob", "predict", "backward", "log_prob_backward"
// others, topk and the head alone (linear) among them: npadasoft port-template --protocol
const std::vector<std::string> OPS = {"shapes"};
// intermediate tensors that you show, for a mistake to be found where it begins, of
//   "cluster" (0 is the short-list, i + 1 is tail i), "head_column", "head_logits", "head_log_prob",
//   "tail.*.relative_target", "tail.*.hidden", "tail.*.logits", "tail.*.log_prob", "grad.head_logits",
//   "grad.tail.*.hidden", "grad.tail.*.logits"        (their numbers: npadasoft vectors show T03)
const std::vector<std::string> TRACE = {};

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

// ---------------------------------------------------------------- the mathematics: yours to write

// "output" and "loss", and what TRACE announces.
// A target outside 0 .. n_classes-1: throw Refused("target", ...).  Rows without in_features numbers:
// throw Refused("shape", ...), here and below.
template <class Number>
Tensors<Number> forward(const Config &, const Tensors<Number> &, const Tensor<Number> &, const Targets &) {
  throw Skip("forward is not written yet");
}

// "grad.input", "grad.head.weight", ..., shaped as what they are the gradient of.  The cotangents may hold
// "output" (one number a row) and "loss" (a number, shape {}); an absent one is 0.  Of the sum over both.
// A tail without a target has gradients of zero.
template <class Number>
Tensors<Number> backward(const Config &, const Tensors<Number> &, const Tensor<Number> &, const Targets &,
                         const Tensors<Number> &) {
  throw Skip("backward is not written yet");
}

// (rows, n_classes).
template <class Number>
Tensor<Number> log_prob(const Config &, const Tensors<Number> &, const Tensor<Number> &) {
  throw Skip("log_prob is not written yet");
}

// As `backward`, of the sum of cotangent * log_prob.
template <class Number>
Tensors<Number> log_prob_backward(const Config &, const Tensors<Number> &, const Tensor<Number> &,
                                  const Tensor<Number> &) {
  throw Skip("log_prob_backward is not written yet");
}

// The most probable class of each row: (rows).
template <class Number>
Tensor<Number> predict(const Config &, const Tensors<Number> &, const Tensor<Number> &) {
  throw Skip("predict is not written yet");
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
