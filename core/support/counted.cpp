// SPDX-License-Identifier: Apache-2.0
#include "support/counted.hpp"

namespace inferbench {

std::string plural(std::string_view singular) {
  const auto ends_in = [&](std::string_view ending) { return singular.ends_with(ending); };
  if (ends_in("y") && !ends_in("ay") && !ends_in("ey") && !ends_in("oy") && !ends_in("uy")) {
    return fmt::format("{}ies", singular.substr(0, singular.size() - 1));
  }
  const bool hisses = ends_in("s") || ends_in("x") || ends_in("z") || ends_in("ch") || ends_in("sh");
  return fmt::format("{}{}", singular, hisses ? "es" : "s");
}

}  // namespace inferbench
