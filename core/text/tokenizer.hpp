// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// GPT-2's byte-level BPE: exact for every Unicode string, and every byte string survives encode then decode.
/// Immutable after load; any number of threads may use one.
class Tokenizer {
 public:
  /// Reads vocab.json and merges.txt of `folder`. Throws Error that names the file and the line.
  static Tokenizer load(const std::filesystem::path& folder);

  std::vector<std::int32_t> encode(std::string_view bytes) const;
  /// Bytes, not necessarily valid UTF-8. Throws Error on an id outside the vocabulary.
  std::string decode(std::span<const std::int32_t> ids) const;
  std::int32_t size() const;

 private:
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace inferbench
