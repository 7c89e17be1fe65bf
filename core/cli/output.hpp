// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "support/output_file.hpp"

namespace inferbench {

/// Where something that a command makes goes: a file or standard output.
class Destination {
 public:
  /// What the user said: a path, or "-" for standard output. Throws Error where it is empty.
  explicit Destination(const std::string& given);
  /// The same, with "" for `fallback` (an empty one is standard output).
  Destination(const std::string& given, const std::filesystem::path& fallback);

  bool is_stdout() const { return path_.empty(); }
  const std::filesystem::path& path() const { return path_; }

  /// Opens it, for what is not written as one text. Throws Error.
  OutputFile open() const;

  /// Writes all of it, and names a file on stderr. Throws Error.
  void write(std::string_view text) const;

 private:
  std::filesystem::path path_;  // empty: standard output
};

/// A file that a command writes besides its own result, where the user asks for it.
struct SideOutput {
  std::string option;  ///< that names it, such as "--junit"
  std::string given;   ///< what the user said: a path, "-" for standard output, "" for none
};

/// Whether one of them goes to standard output, so that the command's own result must leave it. Throws Error where two
/// of them would be mixed there.
bool take_standard_output(const std::vector<SideOutput>& outputs);

/// Writes the whole file or, with an Error, none of it; names it on stderr. "-" is standard output.
void write_output_file(const std::string& given, std::string_view text);

}  // namespace inferbench
