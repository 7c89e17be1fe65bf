// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint_names.hpp"

#include <algorithm>
#include <array>

namespace inferbench {

std::string_view checkpoint_name(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kPrefixes = {"_orig_mod.", "module.", "model.", "transformer.",
                                                                "language_model."};
  for (;;) {
    const auto found = std::find_if(kPrefixes.begin(), kPrefixes.end(),
                                    [name](std::string_view prefix) { return name.starts_with(prefix); });
    if (found == kPrefixes.end()) return name;
    name.remove_prefix(found->size());
  }
}

}  // namespace inferbench
