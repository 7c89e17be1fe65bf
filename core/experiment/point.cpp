// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "experiment/experiment.hpp"

namespace inferbench {

std::int64_t positions_of(const Point& point) {
  return std::int64_t{point.past_tokens} + point.prompt_tokens + point.generate_tokens - 1;
}

bool same_workload(const Point& a, const Point& b) {
  Point other = b;
  other.model = a.model;
  return a == other;
}

std::string workload_text(const Point& point) {
  std::string text = fmt::format("prompt {}, generate {}, batch {}, threads {}", point.prompt_tokens,
                                 point.generate_tokens, point.batch, point.threads);
  if (point.past_tokens > 0) text += fmt::format(", past {}", point.past_tokens);
  if (point.shared_prefix_tokens > 0) text += fmt::format(", shared prefix {}", point.shared_prefix_tokens);
  return text;
}

}  // namespace inferbench
