// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

#include "results/trial_record.hpp"

namespace inferbench {

/// Parsed lines of trials.jsonl.
struct TrialLines {
  std::vector<TrialRecord> records;
  std::size_t good_bytes = 0;  ///< end of the complete lines
};

/// A line counts only if it ends with a newline, which is written last. A crash may leave a last line that is truncated
/// or, on some file systems, filled with zeros, so only the last line may be bad. Large files are parsed by several
/// threads. `path` is used in messages. Throws Error that names the line.
TrialLines parse_trial_lines(std::string_view text, const std::filesystem::path& path);

/// The same for a file, of which only a few megabytes are held at a time. Also throws Error if the file cannot be read.
TrialLines read_trial_lines(const std::filesystem::path& path);

}  // namespace inferbench
