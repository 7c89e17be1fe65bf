// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace inferbench {

/// An output file that the user asked for. Every command writes its files through this class.
///
/// finish() replaces a regular file atomically: until then, and after an error, the old file is unchanged. The new file
/// keeps the old one's permissions and owner. A symbolic link stays, and its target is replaced. If the file cannot be
/// replaced (no file can be created in the folder, the owner cannot be set, it is a mount point), it is written in
/// place. Anything that is not a regular file is written in place too: devices, FIFOs, and the descriptors that
/// /dev/stdout and /dev/fd/N name.
class OutputFile {
 public:
  /// Throws Error with the path and the reason. Opening a FIFO waits for a reader.
  explicit OutputFile(const std::filesystem::path& path);
  /// The process's standard output, after flushing its buffer.
  static OutputFile standard_output();

  OutputFile(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile& operator=(OutputFile&&) = delete;
  /// Without finish(), the temporary file is removed if there was one.
  ~OutputFile();

  /// Throws Error, for example on a full disk; StdoutError if it is standard output.
  void write(std::string_view bytes);
  /// Flushes to the disk and renames the file to its final name. Throws Error.
  void finish();

 private:
  OutputFile() = default;
  void open(const std::filesystem::path& target);
  bool open_beside(const std::filesystem::path& target);
  void open_in_place(const std::filesystem::path& target, int flags);
  void use_descriptor(int descriptor);
  void close() noexcept;
  [[noreturn]] void fail(int error_number) const;

  std::string shown_;             ///< as the user named it
  std::filesystem::path target_;  ///< the file that part_ replaces; empty: written in place
  std::filesystem::path part_;    ///< the temporary file being written; empty: in place
  bool to_stdout_ = false;
  int fd_ = -1;
};

/// Writes `text` through an OutputFile. Throws Error.
void write_file(const std::filesystem::path& path, std::string_view text);

/// Whether `path` is this process's standard output: /dev/stdout, /dev/fd/1 or a link to them.
bool names_standard_output(const std::filesystem::path& path);

}  // namespace inferbench
