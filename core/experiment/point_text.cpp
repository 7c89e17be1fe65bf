// SPDX-License-Identifier: Apache-2.0
#include "experiment/point_text.hpp"

#include <fmt/format.h>

namespace inferbench {

std::string point_title(const std::string& model_name, const Point& point) {
  return fmt::format("{}: {}", model_name, workload_text(point));
}

}  // namespace inferbench
