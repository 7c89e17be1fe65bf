// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inferbench {

/// Consecutive tokens, fed to a backend with an empty cache: ids[0 .. n] predict ids[1 .. n].
struct Window {
  std::vector<std::int32_t> ids;  ///< at least two
  /// The predictions of ids[1 .. first_judged] are not judged: another window judged them with more context. Less than
  /// the number of predictions.
  std::size_t first_judged = 0;
};

}  // namespace inferbench
