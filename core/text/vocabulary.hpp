// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/merge_table.hpp"

namespace inferbench {

/// What vocab.json and merges.txt say, checked: ids 0 to n-1 each once, all 256 bytes present, every merge between
/// known tokens. Immutable after load.
class Vocabulary {
 public:
  struct File {
    std::string name;       ///< for messages
    std::string_view text;  ///< borrowed
  };

  /// Throws Error with file and line.
  static Vocabulary parse(const File& vocab, const File& merges);
  static Vocabulary load(const std::filesystem::path& vocab_file, const std::filesystem::path& merges_file);

  std::int32_t size() const { return static_cast<std::int32_t>(bytes_.size()); }
  /// What `id` (0 to size - 1) decodes to.
  const std::string& bytes(std::int32_t id) const { return bytes_[static_cast<std::size_t>(id)]; }
  std::int32_t byte_token(std::uint8_t byte) const { return byte_token_[byte]; }
  /// Ranks are in the order of merges.txt.
  const MergeTable& merges() const { return merges_; }

 private:
  void read_merges(const File& file, const std::unordered_map<std::string, std::int32_t>& ids);
  void add_merge(std::string_view line, const std::unordered_map<std::string, std::int32_t>& ids);

  std::vector<std::string> bytes_;
  std::array<std::int32_t, 256> byte_token_{};
  MergeTable merges_;
};

}  // namespace inferbench
