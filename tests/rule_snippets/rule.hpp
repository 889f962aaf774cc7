// The rule: |got - want| <= 1.01 err u + ulp(want)/2 + tiny, or equal where the case is exact in your precision.
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

inline double number(const nlohmann::json &v) { return v.is_string() ? std::stod(v.get<std::string>()) : v.get<double>(); }
inline double ulp(double v) { return std::nextafter(std::fabs(v), INFINITY) - std::fabs(v); }

// tensor: one expected tensor of a case; got: your numbers, flat, in C order.  float32: 24, 0x1p-24, 64 * 0x1p-149
inline bool passes(const nlohmann::json &tensor, const std::vector<double> &got, int bits = 53, double u = 0x1p-53,
                   double tiny = 64 * 0x1p-1074) {
  const bool exact = tensor.value("exact_bits", 99) <= bits, sharp = tensor.contains("err_sharp");
  const auto &data = tensor.at("data");
  const auto limits = tensor.value(sharp ? "err_sharp" : "err", std::vector<double>(data.size(), 0.0));
  for (size_t i = 0; i < data.size() && i < got.size(); ++i) {
    const double want = number(data[i]), err = limits[i] * (sharp ? std::fabs(want) : 1);   // a sharp bound is relative
    const double bound = exact ? 0 : 1.01 * err * u + ulp(want) / 2 + tiny;
    if (!(got[i] == want || std::fabs(got[i] - want) <= bound || (got[i] != got[i] && want != want))) return false;
  }
  return got.size() == data.size();
}
