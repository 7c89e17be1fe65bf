// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace fs = std::filesystem;

Destination::Destination(const std::string& given) : Destination(given, {}) {
  if (given.empty()) throw Error("the name of the output file is empty", "name a file; - is standard output");
}

Destination::Destination(const std::string& given, const fs::path& fallback)
    : path_(given.empty() ? fallback : fs::path(given == "-" ? "" : given)) {
  if (names_standard_output(path_)) path_.clear();
}

OutputFile Destination::open() const {
  return is_stdout() ? OutputFile::standard_output() : OutputFile(path_);
}

void Destination::write(std::string_view text) const {
  if (is_stdout()) {
    write_result(text);
    return;
  }
  write_file(path_, text);
  print_message("wrote {}\n", path_.string());
}

bool take_standard_output(const std::vector<SideOutput>& outputs) {
  const SideOutput* taken = nullptr;
  for (const SideOutput& output : outputs) {
    if (output.given.empty() || !Destination(output.given).is_stdout()) continue;
    if (taken != nullptr) {
      throw Error(fmt::format("{} and {} both go to standard output", taken->option, output.option),
                  "name a file for one of them");
    }
    taken = &output;
  }
  return taken != nullptr;
}

void write_output_file(const std::string& given, std::string_view text) {
  Destination(given).write(text);
}

}  // namespace inferbench
