// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace inferbench {

/// Where a command's result goes: a file or standard output.
class Destination {
 public:
  /// `given` is what the user said: "" for `fallback` (an empty one is standard output), "-" for standard output.
  Destination(const std::string& given, const std::filesystem::path& fallback);

  bool is_stdout() const { return path_.empty(); }
  const std::filesystem::path& path() const { return path_; }

  /// Writes all of it, and names a file on stderr. Throws Error.
  void write(std::string_view text) const;

 private:
  std::filesystem::path path_;  // empty: standard output
};

/// Writes the whole file or, with an Error, none of it; names it on stderr.
void write_output_file(const std::filesystem::path& path, const std::string& text);

}  // namespace inferbench
