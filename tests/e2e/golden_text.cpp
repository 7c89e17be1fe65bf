// SPDX-License-Identifier: Apache-2.0
#include "e2e/golden_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

namespace inferbench::test {

namespace {

bool close(double a, double b) {
  return a == b || std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

// Removes a number from the front, if there is one.
bool take_number(std::string_view& text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool same_line(std::string_view a, std::string_view b) {
  char before = ' ';
  while (!a.empty() && !b.empty()) {
    std::string_view rest_a = a;
    std::string_view rest_b = b;
    double x = 0;
    double y = 0;
    // Digits inside a word, such as a hash, are text.
    if (!is_word(before) && take_number(rest_a, x) && take_number(rest_b, y) && close(x, y)) {
      before = '0';
      a = rest_a;
      b = rest_b;
      continue;
    }
    if (a.front() != b.front()) return false;
    before = a.front();
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return a.empty() && b.empty();
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end);
  return line;
}

}  // namespace

std::string compare_with_golden(const std::string& actual, const std::string& path) {
  if (std::getenv("INFERBENCH_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << actual;
    return {};
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return path + " is missing";
  const std::string expected{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::string_view a = actual;
  std::string_view b = expected;
  for (int number = 1; !a.empty() && !b.empty(); ++number) {
    const std::string_view line_a = take_line(a);
    const std::string_view line_b = take_line(b);
    if (!same_line(line_a, line_b)) {
      return path + ":" + std::to_string(number) + ": expected " + std::string(line_b) + "but got " +
             std::string(line_a);
    }
  }
  if (!a.empty()) return path + " ends before the output does: " + std::string(a.substr(0, 200));
  if (!b.empty()) return path + " goes on: " + std::string(b.substr(0, 200));
  return {};
}

}  // namespace inferbench::test
