// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "results/run_folder.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace fs = std::filesystem;

Destination::Destination(const std::string& given, const fs::path& fallback)
    : path_(given.empty() ? fallback : fs::path(given == "-" ? "" : given)) {}

void Destination::write(std::string_view text) const {
  if (!is_stdout()) {
    write_output_file(path_, std::string(text));
    return;
  }
  const bool good = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!good) throw Error(fmt::format("cannot write to standard output: {}", std::strerror(errno)));
}

void write_output_file(const fs::path& path, const std::string& text) {
  const fs::path folder = fs::absolute(path).parent_path();
  if (!fs::is_directory(folder)) {
    throw Error(fmt::format("cannot write {}: there is no folder {}", path.string(), folder.string()),
                "make it, or name another file");
  }
  if (fs::is_directory(path)) {
    throw Error(fmt::format("cannot write {}: it is a folder", path.string()), "name a file in it");
  }
  write_file_atomically(fs::absolute(path), text);
  fmt::print(stderr, "wrote {}\n", path.string());
}

}  // namespace inferbench
