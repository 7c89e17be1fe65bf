// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "support/output_file.hpp"

namespace inferbench {

/// The destination of a command's output: a file or standard output.
class Destination {
 public:
  /// `given`: the user's argument, a path or "-" for standard output. Throws Error if it is empty.
  explicit Destination(const std::string& given);
  /// The same, but "" means `fallback` (an empty fallback is standard output).
  Destination(const std::string& given, const std::filesystem::path& fallback);

  bool is_stdout() const { return path_.empty(); }
  const std::filesystem::path& path() const { return path_; }

  /// Opens it, for output that is not written as a single text. Throws Error.
  OutputFile open() const;

  /// Writes all of `text`, and names the file on stderr. Throws Error.
  void write(std::string_view text) const;

 private:
  std::filesystem::path path_;  // empty: standard output
};

/// An optional output file of a command in addition to its own result.
struct SideOutput {
  std::string option;  ///< the option that names it, such as "--junit"
  std::string given;   ///< the user's argument: a path, "-" for standard output, "" for none
};

/// Whether one of the outputs goes to standard output, so that the command's own result must go elsewhere. Throws Error
/// if two of them would be mixed there.
bool take_standard_output(const std::vector<SideOutput>& outputs);

/// Writes the file through OutputFile and names it on stderr; "-" is standard output. Throws Error.
void write_output_file(const std::string& given, std::string_view text);

}  // namespace inferbench
