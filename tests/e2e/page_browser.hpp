// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/program.hpp"

namespace inferbench::test {

enum class Scheme { kLight, kDark };

/// Chromium in PATH; empty if there is none.
std::string find_chromium();

/// Runs headless Chromium on FOLDER/file, with additional arguments.
ProgramResult browse(const std::string& chromium, const std::filesystem::path& folder, const std::string& file,
                     const std::vector<std::string>& more);

/// Opens each page at each width, runs tests/e2e/`script` after the page's own scripts, and returns the results as
/// [page][width]. The script calls window.probeDone(object). A page without a result fails the test and is null.
nlohmann::json probe_pages(const std::string& chromium, const std::vector<std::string>& pages,
                           const std::vector<int>& widths, Scheme scheme, const std::string& script);

}  // namespace inferbench::test
