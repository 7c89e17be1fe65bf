// SPDX-License-Identifier: Apache-2.0
#include "plugin/left_out_engines.hpp"

#include <algorithm>

namespace inferbench {
namespace {

// What stands before the separator, which is taken off `text` as well.
std::string take_until(std::string_view& text, char separator) {
  const std::size_t n = std::min(text.find(separator), text.size());
  const std::string taken(text.substr(0, n));
  text.remove_prefix(std::min(n + 1, text.size()));
  return taken;
}

}  // namespace

std::vector<LeftOutEngine> left_out_engines(std::string_view text) {
  std::vector<LeftOutEngine> engines;
  while (!text.empty()) {
    const std::string taken = take_until(text, '\n');
    std::string_view line = taken;
    LeftOutEngine engine;
    engine.name = take_until(line, '|');
    engine.reason = take_until(line, '|');
    engine.hint = line;
    engines.push_back(std::move(engine));
  }
  return engines;
}

}  // namespace inferbench
