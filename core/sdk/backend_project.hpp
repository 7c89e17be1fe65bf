// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

enum class BackendLanguage { kC, kCpp, kRust };

struct ProjectFile {
  std::filesystem::path path;  ///< relative to the project's folder
  std::string text;
};

/// A complete project of a backend of that name: sources, build, test, experiment, README. Throws Error for a name that
/// no backend can have, or that a build tool keeps for itself.
std::vector<ProjectFile> backend_project(const std::string& name, BackendLanguage language);

/// Writes them to `folder`, which must not exist or be empty. Throws Error.
void write_project(const std::filesystem::path& folder, const std::vector<ProjectFile>& files);

}  // namespace inferbench
