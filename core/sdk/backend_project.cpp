// SPDX-License-Identifier: Apache-2.0
#include "sdk/backend_project.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "sdk/templates.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/output_file.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPlaceholder = "@NAME@";

// CMake's and its generators' targets, and Rust's keywords and crates: a project with such a name would not build.
constexpr std::array<std::string_view, 37> kReserved = {
    "all",     "as",   "async",  "await", "break", "clean", "const",   "continue", "core",   "crate",
    "else",    "enum", "extern", "false", "fn",    "for",   "help",    "if",       "impl",   "in",
    "install", "let",  "loop",   "match", "mod",   "move",  "package", "ref",      "return", "self",
    "static",  "std",  "struct", "super", "test",  "true",  "use"};

constexpr std::string_view kBundled = INFERBENCH_BUNDLED_BACKENDS;  // space-separated, with a space at both ends

std::string_view folder_of(BackendLanguage language) {
  switch (language) {
    case BackendLanguage::kC:
      return "c/";
    case BackendLanguage::kCpp:
      return "cpp/";
    case BackendLanguage::kRust:
      return "rust/";
    case BackendLanguage::kPython:
      return "python/";
  }
  return "";
}

void check_name(const std::string& name) {
  const char* const cure = "use lower-case letters, digits and '_', beginning with a letter, such as my_backend";
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  const bool good = !name.empty() && name.size() <= 64 && name.front() >= 'a' && name.front() <= 'z' &&
                    std::all_of(name.begin(), name.end(), allowed);
  if (!good) throw Error(fmt::format("'{}' cannot be a backend's name", one_line(name, 80)), cure);
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
    throw Error(fmt::format("'{}' has a special meaning in the build tools", name), "choose another name");
  }
  // If two backends share a name, only the first is found.
  if (kBundled.find(fmt::format(" {} ", name)) != std::string_view::npos) {
    throw Error(fmt::format("inferbench comes with a backend '{}'", name), "choose another name");
  }
}

std::string with_name(std::string_view text, const std::string& name) {
  std::string result;
  for (;;) {
    const auto at = text.find(kPlaceholder);
    result += text.substr(0, at);
    if (at == std::string_view::npos) return result;
    result += name;
    text.remove_prefix(at + kPlaceholder.size());
  }
}

}  // namespace

std::vector<ProjectFile> backend_project(const std::string& name, BackendLanguage language) {
  check_name(name);
  const std::string_view folder = folder_of(language);
  std::vector<ProjectFile> files;
  for (const TemplateFile& file : template_files()) {
    if (!file.path.starts_with(folder)) continue;
    std::string_view path = file.path.substr(folder.size());
    if (path == "gitignore") path = ".gitignore";  // with the dot, git would apply it to the templates themselves
    files.push_back({path, with_name(file.text, name)});
  }
  return files;
}

void write_project(const fs::path& folder, const std::vector<ProjectFile>& files) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    throw Error(fmt::format("{} exists and is not empty", folder.string()), "choose another name, or another --into");
  }
  for (const ProjectFile& file : files) {
    const fs::path path = folder / file.path;
    fs::create_directories(path.parent_path(), error);
    if (error) {
      throw Error(fmt::format("cannot create {}: {}", path.parent_path().string(), error.message()),
                  "choose another folder with --into");
    }
    write_file(path, file.text);
  }
}

}  // namespace inferbench
