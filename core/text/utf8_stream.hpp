// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench {

/// A token may end inside a character. This holds the begun character back, so that what comes out can be shown.
/// All bytes come out in order; bytes that can never become UTF-8 pass through.
class Utf8Stream {
 public:
  /// What can be shown now, of what was held and `bytes`.
  std::string push(std::string_view bytes);

  /// What is still held: at most 3 bytes.
  std::string flush();

 private:
  std::string held_;
};

}  // namespace inferbench
