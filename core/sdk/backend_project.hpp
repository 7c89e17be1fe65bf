// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

enum class BackendLanguage { kC, kCpp, kRust, kPython };

struct ProjectFile {
  std::filesystem::path path;  ///< relative to the project's folder
  std::string text;
};

/// A complete project for a backend called `name`: sources, build, test, experiment, README. Throws Error if a backend
/// cannot have that name or a build tool reserves it.
std::vector<ProjectFile> backend_project(const std::string& name, BackendLanguage language);

/// Writes the files to `folder`, which must be missing or empty. Throws Error.
void write_project(const std::filesystem::path& folder, const std::vector<ProjectFile>& files);

}  // namespace inferbench
