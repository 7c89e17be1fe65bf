// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

/// One row of teardown.jsonl: a fault while a contender's backend was shut down, after its trials. It is in no trial's
/// status, because the trials had already ended.
struct TeardownRecord {
  std::string contender;
  std::string fault;          ///< one line: "in shutdown: the worker was killed by signal 11 (Segmentation fault)"
  std::uint64_t workers = 1;  ///< number of workers with this fault

  friend bool operator==(const TeardownRecord&, const TeardownRecord&) = default;
};

/// Adds `record` to the count of the row with the same contender and fault, or appends it.
void add_teardown(std::vector<TeardownRecord>& records, const TeardownRecord& record);

/// One line of JSON per record.
std::string to_json_lines(const std::vector<TeardownRecord>& records);

/// Reads such a file; empty if it does not exist. Throws Error that names the file and the line.
std::vector<TeardownRecord> read_teardown(const std::filesystem::path& path);

}  // namespace inferbench
