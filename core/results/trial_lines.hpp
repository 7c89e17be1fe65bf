// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

#include "results/trial_record.hpp"

namespace inferbench {

/// What the lines of trials.jsonl hold.
struct TrialLines {
  std::vector<TrialRecord> records;
  std::size_t good_bytes = 0;  ///< where the whole lines end
};

/// A line counts when its newline is there: it is written last. A crash may leave a last line that is cut or, on some
/// file systems, filled with zeros: only the last may be bad. Large files are parsed by several threads. `path` is for
/// messages. Throws Error that names the line.
TrialLines parse_trial_lines(std::string_view text, const std::filesystem::path& path);

/// The same of a file, of which only a few megabytes are held at a time. Throws Error where it cannot be read, too.
TrialLines read_trial_lines(const std::filesystem::path& path);

}  // namespace inferbench
