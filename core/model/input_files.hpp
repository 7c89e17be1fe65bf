// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

/// The files that a run reads repeatedly: libraries, weights, texts. Detects a file that is replaced during the run, so
/// that no result is attributed to the wrong file.
class InputFiles {
 public:
  /// Files that belong together and share one digest.
  struct Group {
    std::string role;                          ///< such as "the backend of quant"
    std::vector<std::filesystem::path> files;  ///< absolute
    std::string sha256;                        ///< of the bytes of all files, concatenated
  };

  /// Hashes the files and returns the digest. Groups with the same files are hashed once. Throws Error if a file cannot
  /// be read.
  std::string add(std::string role, const std::vector<std::filesystem::path>& files);

  /// One line with the role and the path of a file that changed since it was added; empty if none did. Costs one stat
  /// per file. If a file's device, inode, size or modification time differs, its group is hashed again and only the
  /// content counts.
  std::string find_change();

  const std::vector<Group>& groups() const { return groups_; }

 private:
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_s = 0;
    std::int64_t modified_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  static Stamp stamp_of(const std::filesystem::path& file);
  std::string change_of(std::size_t group);

  std::vector<Group> groups_;
  std::vector<std::vector<Stamp>> stamps_;  ///< one list per group, one stamp per file
};

}  // namespace inferbench
