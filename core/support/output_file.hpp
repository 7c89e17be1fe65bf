// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace inferbench {

/// A file that a user asked for. Every command writes its files through this class.
///
/// A regular file is replaced as a whole by finish(): until then, and after an error, the old one stays as it was. It
/// keeps its permissions and owner; a symbolic link stays, and what it points to is replaced. Where that cannot be done
/// (a folder that takes no new files, an owner that cannot be set, a mount point), it is written in place. So is
/// everything that is no regular file: devices, FIFOs, and the descriptors that /dev/stdout and /dev/fd/N name.
class OutputFile {
 public:
  /// Throws Error that names the path and what is wrong with it. Opening a FIFO waits for its reader.
  explicit OutputFile(const std::filesystem::path& path);
  /// The process's standard output, after what is buffered for it.
  static OutputFile standard_output();

  OutputFile(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile& operator=(OutputFile&&) = delete;
  /// Without finish(): leaves nothing behind where the file was to be replaced.
  ~OutputFile();

  /// Throws Error, such as on a full disk; StdoutError where it is standard output.
  void write(std::string_view bytes);
  /// Brings it to the disk and gives the file its name. Throws Error.
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
  std::filesystem::path target_;  ///< what part_ replaces; empty: written in place
  std::filesystem::path part_;    ///< written now; empty: in place
  bool to_stdout_ = false;
  int fd_ = -1;
};

/// Writes all of it through an OutputFile. Throws Error.
void write_file(const std::filesystem::path& path, std::string_view text);

/// Whether writing to `path` is writing to this process's standard output: /dev/stdout, /dev/fd/1 and links to them.
bool names_standard_output(const std::filesystem::path& path);

}  // namespace inferbench
