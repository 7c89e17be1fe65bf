// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// Ends a text before the first occurrence of one of its stop texts, while the text arrives in pieces. Text that may be
/// the beginning of a stop text is held back until that is known.
class StopMatcher {
 public:
  /// None of `stops` may be empty.
  explicit StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  /// What can be shown now. Once stopped() is true, nothing more comes.
  std::string push(std::string_view text);
  /// What was held back, if no stop text followed.
  std::string flush();

  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace inferbench
