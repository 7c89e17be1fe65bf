// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace inferbench {

/// What vocab.json and merges.txt say, checked: ids 0 to n-1 each once, all 256 bytes present, every merge between
/// known tokens. Immutable after load.
class Vocabulary {
 public:
  struct Merge {
    std::int32_t rank;    ///< line order: the lowest is merged first
    std::int32_t result;  ///< id of the joined token
  };

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
  /// How `left` followed by `right` merges, or null.
  const Merge* find_merge(std::int32_t left, std::int32_t right) const;

 private:
  struct PairHash {
    std::size_t operator()(std::uint64_t pair) const {
      pair *= 0x9E3779B97F4A7C15U;
      return static_cast<std::size_t>(pair ^ (pair >> 32U));
    }
  };

  void read_merges(const File& file, const std::unordered_map<std::string, std::int32_t>& ids);
  void add_merge(std::string_view line, const std::unordered_map<std::string, std::int32_t>& ids);

  std::vector<std::string> bytes_;
  std::array<std::int32_t, 256> byte_token_{};
  std::unordered_map<std::uint64_t, Merge, PairHash> merges_;
};

}  // namespace inferbench
