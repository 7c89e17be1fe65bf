// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "text/tokenizer.hpp"

namespace inferbench {

/// The tokens of a text file, in order: the same as of Tokenizer::encode on the whole, in memory that does not grow
/// with the file. (A file without a single space between two words is held as a whole.)
class TokenStream {
 public:
  static constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;

  /// Throws Error where the file cannot be read.
  TokenStream(Tokenizer tokenizer, const std::filesystem::path& file, std::size_t piece_bytes = kPieceBytes);

  /// The next `n` tokens; fewer only at the end of the file. Throws Error.
  std::vector<std::int32_t> read(std::size_t n);

  /// Share of the file that was handed out, 0 to 1, as if all tokens so far were of one length; 0 where the size is
  /// unknown, as of a pipe.
  double progress() const;

 private:
  void encode_more();

  Tokenizer tokenizer_;
  std::filesystem::path file_;
  std::ifstream stream_;
  std::size_t piece_bytes_;
  std::uintmax_t n_bytes_ = 0;
  std::uintmax_t n_read_ = 0;
  std::string text_;               ///< read, not yet encoded
  std::vector<std::int32_t> ids_;  ///< encoded, not yet handed out from next_ on
  std::size_t next_ = 0;
  std::uintmax_t n_ids_ = 0;  ///< encoded, all in all
  bool continues_ = false;    ///< the beginning of the file is encoded
  bool at_end_ = false;
};

}  // namespace inferbench
