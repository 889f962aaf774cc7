// Applies the rule to lines of {"tensor": ..., "got": [...]}.
#include "rule.hpp"

#include <iostream>
#include <string>

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto line_of = nlohmann::json::parse(line);
    std::vector<double> got;
    for (const auto &v : line_of.at("got")) got.push_back(number(v));
    std::cout << (passes(line_of.at("tensor"), got) ? "true" : "false") << '\n';
  }
}
