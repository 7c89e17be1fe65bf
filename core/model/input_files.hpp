// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

/// The files that a run reads again and again: libraries, weights, texts. Notices where one is replaced while the run
/// goes on, so that no result is booked on a file that did not make it.
class InputFiles {
 public:
  /// What belongs together and has one digest.
  struct Group {
    std::string role;                          ///< such as "the backend of quant"
    std::vector<std::filesystem::path> files;  ///< absolute
    std::string sha256;                        ///< of their bytes, one file after the other
  };

  /// Hashes the files. Groups of the same files are hashed once. Throws Error where one cannot be read. -> the digest.
  std::string add(std::string role, const std::vector<std::filesystem::path>& files);

  /// One line that names a file which is not what it was when it was added, and its role; empty where there is none.
  /// Costs a stat a file; where device, inode, size or time of change differ, the content decides, and is hashed.
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
  std::vector<std::vector<Stamp>> stamps_;  ///< of each group's files
};

}  // namespace inferbench
