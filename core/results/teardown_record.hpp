// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

/// One row of teardown.jsonl: what went wrong when a contender's backend was taken down, after its trials. No trial's
/// status says so: they had ended by then.
struct TeardownRecord {
  std::string contender;
  std::string fault;          ///< one line: "in shutdown: the worker was killed by signal 11 (Segmentation fault)"
  std::uint64_t workers = 1;  ///< that ended so

  friend bool operator==(const TeardownRecord&, const TeardownRecord&) = default;
};

/// Counts `record` to the row of the same contender and fault, or adds it.
void add_teardown(std::vector<TeardownRecord>& records, const TeardownRecord& record);

/// One line of JSON a record.
std::string to_json_lines(const std::vector<TeardownRecord>& records);

/// The reverse; none where there is no file. Throws Error that names the file and the line.
std::vector<TeardownRecord> read_teardown(const std::filesystem::path& path);

}  // namespace inferbench
