// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

#include "model/model.hpp"
#include "text/token_stream.hpp"

namespace inferbench {

/// A text cut into windows (DESIGN section 9): they start at multiples of the model's context, and each has the ids
/// a .. a + context; the last may be shorter.
class TextWindows {
 public:
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

  /// At most `limit` windows. Throws Error as tokenizer_of, and where the file cannot be read.
  TextWindows(const Model& model, const std::filesystem::path& text, std::size_t limit = kAll);

  /// The next windows, at most `n`; none at the end.
  std::vector<std::vector<std::int32_t>> next(std::size_t n);

  /// Share of the text that was read, 0 to 1.
  double progress() const { return stream_.progress(); }

 private:
  TokenStream stream_;
  std::size_t context_;
  std::size_t left_;
  std::vector<std::int32_t> last_;  ///< the token that the next window begins with
};

/// `n` windows of random ids, the same for the same model: as long as the context, at most 256 predictions each.
std::vector<std::vector<std::int32_t>> seeded_windows(const ModelConfig& config, std::size_t n);

}  // namespace inferbench
